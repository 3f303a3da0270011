#!/usr/bin/env bash
# Install recorder and dashboard as services on a fresh Raspberry Pi OS, Debian or Ubuntu; run as root: bash setup.sh
# The folder of this script has the wheel of birdedge, config.toml if the defaults are not right, and wheels/ with the
# packages that it needs if there is no internet. A second run, such as with a newer wheel, updates them.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environment=${BIRDEDGE_ENVIRONMENT:-/opt/birdedge}
config=${BIRDEDGE_CONFIG:-/etc/birdedge/config.toml}
data=${BIRDEDGE_DATA:-/var/lib/birdedge}

wheels=("$folder"/birdedge-*.whl)
if [[ ${#wheels[@]} != 1 || ! -f ${wheels[0]} ]]; then
    echo "$folder must hold one wheel, birdedge-VERSION-py3-none-any.whl" >&2
    exit 1
fi

packages=(python3-venv libportaudio2)
if [[ $(dpkg-query --show --showformat='${db:Status-Status} ' "${packages[@]}" 2> /dev/null) != "installed installed " ]]
then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --yes --no-install-recommends "${packages[@]}"
fi

options=(--quiet --disable-pip-version-check --only-binary :all:)
[[ ! -d $folder/wheels ]] || options+=(--no-index --find-links "$folder/wheels")
python3 -m venv "$environment"
"$environment/bin/python" -m pip install "${options[@]}" "${wheels[0]}[mqtt,web]"

# The one on the card is for the first boot; later the one of the machine counts.
if [[ -f $folder/config.toml && ! -e $config ]]; then
    install -D --mode 0644 "$folder/config.toml" "$config"
fi
"$environment/bin/birdedge" service install --config "$config" --out "$data"
"$environment/bin/birdedge" service install --companion --config "$config" --out "$data"
