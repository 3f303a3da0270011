#!/usr/bin/env bash
# Make the next start, or cloud-init, run setup.sh, which is in the same folder, until it succeeds; run as root.
# Raspberry Pi OS without cloud-init runs this before there is a network: docs/install.md says how.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
units=${UNIT_DIR:-/etc/systemd/system}
cmdline=${CMDLINE:-/boot/firmware/cmdline.txt}

# First of all, so that a failure does not make the board start into this script without end.
if [[ -f $cmdline ]]; then
    sed --in-place --regexp-extended 's/ systemd\.(run|run_success_action|run_failure_action|unit)=[^ ]*//g' "$cmdline"
fi

cat > "$units/birdedge-setup.service" << UNIT
[Unit]
Description=Installation of birdedge
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/bash "$folder/setup.sh"
ExecStartPost=/bin/systemctl disable birdedge-setup.service
# Without internet, or before the clock is right, it fails and is tried again.
Restart=on-failure
RestartSec=60

[Install]
WantedBy=multi-user.target
UNIT
systemctl enable birdedge-setup.service
