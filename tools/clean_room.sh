#!/usr/bin/env bash
# Both commands of the README in a minimal Debian root that this script makes, from what is committed here.
# usage: tools/clean_room.sh [FOLDER] [MIRROR]   needs: mmdebstrap, git, and root (or user namespaces, for mmdebstrap --mode=unshare)
set -euo pipefail
folder=${1:-build/clean_room}
mirror=${2:-http://deb.debian.org/debian}
here=$(cd "$(dirname "$0")/.." && pwd)
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }

packages="ca-certificates git make python3-venv"
mkdir -p "$(dirname "$folder")"
rm -rf --one-file-system "$folder"
mmdebstrap --variant=apt --include="${packages// /,}" trixie "$folder" "$mirror"
git clone -q "$here" "$folder/tunbp"
# where pip downloads from on this machine, if it says so
for setting in /etc/pip.conf "$HOME/.config/pip/pip.conf"; do
  [[ -f $setting ]] && cp "$setting" "$folder/etc/pip.conf"
done
cp /etc/resolv.conf "$folder/etc/resolv.conf"

inside() {
  chroot "$folder" /usr/bin/env -i HOME=/root PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 sh -c "cd /tunbp && $1"
}
mount --rbind /proc "$folder/proc"
mount --rbind /dev "$folder/dev"
trap 'umount -R -l "$folder/proc" "$folder/dev"' EXIT
for line in "make install" "make reproduce" "make test"; do
  echo "== $line"
  time inside "$line"
done
du -sh "$folder/tunbp/.venv" "$folder/tunbp/results"
