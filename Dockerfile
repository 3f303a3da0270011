# Images of the recorder and of its companion (dashboard, MQTT, alerts), as docs/install.md describes:
#   docker build --target recorder --tag birdedge .
#   docker build --target companion --tag birdedge-companion .
# A newer base: --build-arg BASE=debian:...; a recorder of network streams, 500 MB larger: --build-arg STREAMS=ffmpeg
ARG BASE=debian:trixie-20251020-slim

FROM ${BASE} AS python
RUN apt-get update && \
    apt-get install --yes --no-install-recommends python3 && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --uid 1000 --user-group --groups audio --home-dir /data --no-create-home birdedge && \
    install --directory --owner birdedge --group birdedge --mode 0750 /data /etc/birdedge /run/birdedge

FROM python AS recorder-environment
RUN apt-get update && \
    apt-get install --yes --no-install-recommends python3-venv && \
    rm -rf /var/lib/apt/lists/* && \
    python3 -m venv /opt/birdedge
ENV PATH=/opt/birdedge/bin:$PATH
WORKDIR /source
# The packages change less often than the source, and keep their layer.
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.txt
COPY pyproject.toml README.md LICENSE NOTICE MODEL_CARD.md ./
COPY LICENSES LICENSES
COPY birdedge birdedge
COPY edge edge
COPY export export
COPY train train
RUN pip install --no-cache-dir --no-deps .

FROM recorder-environment AS companion-environment
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt '.[mqtt,web]'

FROM python AS base
LABEL org.opencontainers.image.title="birdedge" \
      org.opencontainers.image.description="Bird sound segmentation for field recorders" \
      org.opencontainers.image.licenses="Apache-2.0 AND LicenseRef-birdedge-research-weights"
ENV PATH=/opt/birdedge/bin:$PATH \
    BIRDEDGE_CONFIG=/etc/birdedge/config.toml
WORKDIR /data
VOLUME ["/data"]
ENTRYPOINT ["birdedge"]

FROM base AS companion
COPY --from=companion-environment /opt/birdedge /opt/birdedge
USER 1000
EXPOSE 8088
HEALTHCHECK --interval=1m --timeout=10s --start-period=1m \
    CMD ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 8088), 5)"]
CMD ["serve", "/data", "--listen", "0.0.0.0:8088"]

# The last stage is what `docker build` makes without --target.
FROM base AS recorder
ARG STREAMS=
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libportaudio2 ${STREAMS} && \
    rm -rf /var/lib/apt/lists/*
COPY --from=recorder-environment /opt/birdedge /opt/birdedge
USER 1000
HEALTHCHECK --interval=2m --timeout=30s --start-period=2m \
    CMD ["birdedge", "status", "/data"]
CMD ["listen", "--out", "/data"]
