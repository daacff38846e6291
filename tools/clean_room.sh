#!/usr/bin/env bash
# Both commands of the README in a minimal Debian root that this script makes, from what is committed here.
# usage: tools/clean_room.sh [FOLDER [MIRROR [COMMAND...]]]   needs: mmdebstrap, git, and root
# Everything printed is in FOLDER.log too: each test by its name as it ends.
set -euo pipefail
folder=${1:-build/clean_room}
mirror=${2:-} # empty: mmdebstrap's own default
commands=("${@:3}")
((${#commands[@]})) || commands=("make install" "make reproduce" "make test ARGS=-vv")
here=$(cd "$(dirname "$0")/.." && pwd)
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }

packages="ca-certificates git make python3-venv"
mkdir -p "$(dirname "$folder")"
exec > >(tee "$folder.log") 2>&1
rm -rf --one-file-system "$folder"
mmdebstrap --variant=apt --include="${packages// /,}" trixie "$folder" ${mirror:+"$mirror"}
git clone -q "$here" "$folder/tunbp"
# how this machine reaches the package index, if it says so
mapfile -t network < <(env | grep -iE '^(https?_proxy|no_proxy|pip_index_url|pip_extra_index_url|pip_trusted_host)=' || true)
[[ -f /etc/pip.conf ]] && cp /etc/pip.conf "$folder/etc/pip.conf"
cp /etc/resolv.conf "$folder/etc/resolv.conf"
cp -r /usr/local/share/ca-certificates "$folder/usr/local/share/"
chroot "$folder" update-ca-certificates >/dev/null

# In a namespace of its own, with which the mounts vanish; the folder on itself, as a root has to be a mount for the
# laboratory's namespaces
inside() {
  unshare --mount bash -ec '
    mount --bind "$0" "$0"
    mount --rbind /proc "$0/proc"
    mount --rbind /sys "$0/sys"
    mount --rbind /dev "$0/dev"
    exec chroot "$0" /usr/bin/env -i "$@"
  ' "$folder" "${network[@]}" HOME=/home PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8 sh -c "cd /tunbp && $1"
}
for line in "${commands[@]}"; do
  echo "== $line"
  time inside "$line"
done
du -sh "$folder"/tunbp/.venv "$folder"/tunbp/results 2>/dev/null || true
