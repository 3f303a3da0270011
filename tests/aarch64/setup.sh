#!/usr/bin/env bash
# Make an aarch64 recorder that runs on this machine under emulation: bash tests/aarch64/setup.sh [FOLDER]
# FOLDER (default build/aarch64) gets root/, with Python and its libraries from Debian's arm64 packages; packages/, with
# birdedge's wheel and its dependencies for aarch64; and python, which runs that Python on the processor that the
# variable QEMU_CPU names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folder=$(realpath --canonicalize-missing "${1:-${BIRDEDGE_AARCH64:-build/aarch64}}")
python=${PYTHON:-python3}
stamp=$(find birdedge edge train export pyproject.toml constraints.txt tests/aarch64/setup.sh -type f ! -name '*.pyc' \
    -exec sha256sum {} + | LC_ALL=C sort | sha256sum)

if ! command -v qemu-aarch64-static > /dev/null; then
    ((EUID == 0)) || { echo 'There is no qemu-aarch64-static; run: sudo apt install qemu-user-static' >&2; exit 1; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends qemu-user-static
fi

make_root() {
    local apt=$folder/apt package
    rm -rf "$folder/root"
    mkdir -p "$folder/root" "$apt/lists/partial" "$apt/archives/partial"
    # This configuration describes an arm64 machine with nothing installed. The machine's own apt and dpkg do not change.
    touch "$apt/status"
    cat > "$apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures "arm64";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
APT::Sandbox::User "";
END
    APT_CONFIG=$apt/apt.conf apt-get update -qq
    APT_CONFIG=$apt/apt.conf apt-get install -qq --yes --no-install-recommends --download-only python3 libstdc++6
    for package in "$apt"/archives/*.deb; do
        dpkg-deb --extract "$package" "$folder/root"
    done
    [[ -e $folder/root/lib ]] || ln -s usr/lib "$folder/root/lib"  # Debian 13 has its libraries only in usr/lib
    rm -rf "$apt"
    touch "$folder/root/made"
}

make_packages() {
    local version
    version=$(readlink "$folder/root/usr/bin/python3")
    rm -rf "$folder"/{packages,wheel}
    PYTHON=$python bash tests/support/build_wheel.sh "$folder/wheel"
    "$python" -m pip install --quiet --disable-pip-version-check --target "$folder/packages" --constraint constraints.txt \
        --implementation cp --python-version "${version#python}" --only-binary=:all: \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
        "$folder"/wheel/*.whl
    rm -rf "$folder/wheel"
}

make_launcher() {
    cat > "$folder/python" <<END
#!/bin/sh
PYTHONPATH='$folder/packages' exec qemu-aarch64-static -L '$folder/root' '$folder/root/usr/bin/python3' "\$@"
END
    chmod +x "$folder/python"
}

if [[ $(cat "$folder/made" 2> /dev/null) != "$stamp" ]]; then
    rm -f "$folder/made"
    [[ -e $folder/root/made ]] || make_root
    make_packages
    make_launcher
    echo "$stamp" > "$folder/made"
fi
echo "An aarch64 birdedge is in $folder; try: QEMU_CPU=cortex-a72 $folder/python -m birdedge --help"
