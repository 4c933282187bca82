# shellcheck shell=bash
# Provide what the project's commands run on. Sourced by them; call `tl_setup [test] [hass] [system] [browser]` (all without arguments).
#
# Sets and exports: TL_ROOT (the checkout), TL_CACHE, TL_UV, TL_PYTHON (>= 3.14.2), TL_TEST_VENV, TL_HASS_VENV,
# TL_RTSP (1 when an RTSP server can be run, else 0), TL_RTSP_PYTHON (the interpreter that runs it)
# and TL_BROWSER (the Chromium that the end-to-end tests drive; empty when there is none).
# Everything lives in one cache folder and is keyed by a hash of what it is built from: quick the second time, shared by clones.

TL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TL_CACHE=${TIMELAPSER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/timelapser-dev}
TL_PYTHON_RANGE='>=3.14.2,<3.15'
# Components that the tests load, and those of the configuration of scripts/dev/hass.py (beside the defaults of every Home Assistant).
TL_TEST_COMPONENTS='api camera config event file_upload frontend generic history http image lovelace logbook media_source person
  recorder repairs stream system_health system_log websocket_api'
TL_HASS_COMPONENTS="$TL_TEST_COMPONENTS analytics hassio my onboarding"
# No wheel for Python 3.14: these two are compiled (g++, Python.h). Home Assistant runs without, but tries at every start.
TL_COMPILED='^(pymicro-vad|pyspeex-noise)=='
TL_PACKAGES='libturbojpeg0 ffmpeg python3-gi python3-numpy gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly libfaketime fonts-dejavu-core iproute2 nftables'
# Of Debian's newest suite, unpacked into a private prefix: the interpreter, its headers and every library that it loads.
TL_DEBIAN_PYTHON='python3.14 python3.14-minimal python3.14-venv libpython3.14-minimal libpython3.14-stdlib libpython3.14-dev
  python3-pip-whl python3-setuptools-whl libc6 libgcc-s1 libstdc++6 libexpat1 zlib1g libssl3t64 libsqlite3-0 libffi8 libbz2-1.0
  liblzma5 libzstd1 libreadline8t64 libncursesw6 libtinfo6 libuuid1 libdb5.3t64 libcrypt1'

# uv brings certificates of its own; where the system has some they count, as a network may have its own authority.
if [[ -r /etc/ssl/certs/ca-certificates.crt ]]; then
  export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS-1} UV_NATIVE_TLS=${UV_NATIVE_TLS-1}
fi

tl_say() { printf '%s\n' "$*" >&2; }

tl_warn() { tl_say "      ! $*"; }

tl_hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-12; }

# tl_step TITLE FUNCTION: run one numbered step with its output in a log; what it prints on fd 3 is shown below its line.
tl_step() {
  local title=$1 function=$2 begin=$SECONDS log notes took
  TL_STEP=$((TL_STEP + 1))
  log=$TL_CACHE/log/$function.log notes=$TL_CACHE/log/$function.notes
  printf '[%d/%d] %s ... ' "$TL_STEP" "$TL_STEPS" "$title" >&2
  TL_STATE='done'
  if "$function" >"$log" 2>&1 3>"$notes"; then
    took=$((SECONDS - begin))
    if [[ $TL_STATE == ready ]]; then tl_say ready; else tl_say "$TL_STATE in $took s"; fi
    sed 's/^/      ! /' "$notes" >&2
  else
    tl_say 'FAILED'
    sed 's/^/      ! /' "$notes" >&2
    tail -n 30 "$log" | sed 's/^/      | /' >&2
    tl_say "      The whole log: $log"
    return 1
  fi
}

# --- uv -------------------------------------------------------------------------------------------------------------------------------

# tl_tool NAME: install a program from PyPI into a private folder; print its path.
tl_tool() {
  local name=$1 folder=$TL_CACHE/tools/$1 python
  if ! "$folder/bin/$name" --version >&2; then
    for python in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
      rm -rf "$folder"
      "$python" -m venv "$folder" >&2 && "$folder/bin/python" -m pip install -q "$name" >&2 && break
      rm -rf "$folder"
      "$python" -m pip install -q --target "$folder" "$name" >&2 && break
    done
  fi
  [[ -x $folder/bin/$name ]] && printf '%s\n' "$folder/bin/$name"
}

tl_provide_uv() {
  if TL_UV=$(command -v uv) && "$TL_UV" --version; then TL_STATE=ready; return; fi
  "$TL_CACHE/tools/uv/bin/uv" --version && TL_STATE=ready
  TL_UV=$(tl_tool uv) || { echo 'No uv, and no Python with pip or venv to install it: https://docs.astral.sh/uv/' >&3; return 1; }
}

# --- Python 3.14 ----------------------------------------------------------------------------------------------------------------------

# tl_real_python COMMAND: print the path of the interpreter behind a command if it is new enough and whole.
tl_real_python() {
  "$1" -c 'import bz2, ctypes, lzma, sqlite3, ssl, sys, zlib
if not (3, 14, 2) <= sys.version_info[:3] < (3, 15): sys.exit(f"Python {sys.version} will not do")
print(sys.executable)'
}

tl_provide_python() {
  local prefix
  prefix=$TL_CACHE/python-debian-$( (declare -f tl_debian_python; echo "$TL_DEBIAN_PYTHON") | tl_hash)
  TL_STATE=ready
  TL_PYTHON=$(tl_real_python python3.14) && return
  TL_PYTHON=$(UV_PYTHON_DOWNLOADS=never "$TL_UV" python find --no-project "$TL_PYTHON_RANGE") && tl_real_python "$TL_PYTHON" && return
  TL_PYTHON=$prefix/usr/bin/python3.14
  [[ -e $prefix/.complete ]] && tl_real_python "$TL_PYTHON" && return
  TL_STATE='done'
  if UV_HTTP_RETRIES=1 "$TL_UV" python install 3.14; then
    TL_PYTHON=$("$TL_UV" python find --no-project "$TL_PYTHON_RANGE") && tl_real_python "$TL_PYTHON" && return
  fi
  if command -v apt-get && command -v dpkg && tl_debian_python "$prefix"; then
    TL_PYTHON=$prefix/usr/bin/python3.14
    touch "$prefix/.complete"
    return
  fi
  echo 'No Python 3.14.2 or newer: install one as python3.14, or let uv do it (uv python install 3.14).' >&3
  return 1
}

# tl_debian_python PREFIX: unpack Python 3.14 of Debian's newest suite, from the mirror that this machine uses; the system stays as it is.
tl_debian_python() (
  set -euo pipefail
  prefix=$1 key=/usr/share/keyrings/debian-archive-keyring.gpg
  patchelf=$(command -v patchelf || tl_tool patchelf)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{lists/partial,cache/archives/partial,debs}
  # All configured sources are asked, also those whose lists were never fetched.
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
    awk '!/security|updates|backports/ && /debian/ { print; exit }')
  [[ -n $mirror && -r $key ]] || { echo 'this is not Debian' >&2; exit 1; }
  apt=(apt-get -qq -o Dir::Etc::SourceList="$work/new.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null
    -o Dir::Etc::PreferencesParts=/dev/null -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache"
    -o APT::Update::Post-Invoke= -o APT::Sandbox::User= -o Acquire::Check-Valid-Until=false)
  for suite in sid testing; do
    echo "deb [signed-by=$key] $mirror $suite main" >"$work/new.list"
    "${apt[@]}" update
    rm -rf "$prefix"
    mkdir -p "$prefix"
    # shellcheck disable=SC2086
    (cd "$work/debs" && rm -f ./*.deb && "${apt[@]}" download $TL_DEBIAN_PYTHON) && break
  done
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$prefix"; done
  loader=$(find "$prefix/usr/lib" -name 'ld-linux*.so.*' | head -n 1)
  libraries=$(dirname "$loader")
  "$patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$prefix/usr/bin/python3.14"
  tl_real_python "$prefix/usr/bin/python3.14"
)

# --- Debian packages ------------------------------------------------------------------------------------------------------------------

tl_missing_packages() {
  # shellcheck disable=SC2086
  comm -23 <(printf '%s\n' $TL_PACKAGES | sort -u) \
    <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $TL_PACKAGES 2>/dev/null | awk '$2 == "installed" { print $1 }' | sort -u) | tr '\n' ' '
}

# tl_install PACKAGE...: install Debian packages, as root or with sudo; what cannot be done is told on fd 3.
tl_install() {
  local root=()
  if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo || ! sudo -n true; then
      TL_STATE=skipped
      echo "Not root: please run  sudo apt-get install $*" >&3
      return 1
    fi
    root=(sudo -n)
  fi
  "${root[@]}" apt-get -qq update || true
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" ||
    { TL_STATE=failed; echo "Could not install: $* (the log is in $TL_CACHE/log)" >&3; return 1; }
}

tl_provide_packages() {
  local missing
  if ! command -v apt-get || ! command -v dpkg-query; then
    TL_STATE='not a Debian'
    tl_real_library || echo 'Missing here: libjpeg-turbo (libturbojpeg), without which no still comes out of a stream; ffmpeg is useful.' >&3
    return 0
  fi
  missing=$(tl_missing_packages)
  if [[ -z $missing ]]; then TL_STATE=ready; return 0; fi
  # shellcheck disable=SC2086
  tl_install $missing || true
}

tl_real_library() { python3 -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("turbojpeg"))'; }

# The RTSP camera of scripts/dev runs on the system's Python, which has the GStreamer bindings.
tl_provide_camera() {
  local python
  TL_STATE=ready TL_RTSP=0 TL_RTSP_PYTHON=
  for python in /usr/bin/python3 python3; do
    if (cd "$TL_ROOT" && "$python" -m scripts.dev.rtsp_camera --check); then TL_RTSP=1 TL_RTSP_PYTHON=$python; return 0; fi
  done
  echo 'No RTSP server here (GStreamer with its Python bindings): an HTTP still camera takes its place.' >&3
}

# --- browser --------------------------------------------------------------------------------------------------------------------------

# Not one out of a snap: it cannot see the folder that the driver makes for it.
tl_find_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if TL_BROWSER=$(command -v "$name") && [[ $(readlink -f "$TL_BROWSER") != *snap* ]] && "$TL_BROWSER" --version; then return 0; fi
  done
  TL_BROWSER=
  return 1
}

# Debian's Chromium: Playwright's own would be a second download, from a host that not every network lets through.
tl_provide_browser() {
  TL_STATE=ready
  if tl_find_browser; then return 0; fi
  TL_STATE='done'
  if command -v apt-get && tl_install chromium && tl_find_browser; then return 0; fi
  [[ $TL_STATE != 'done' ]] || TL_STATE=missing
  echo 'No Chromium here: the tests in a browser are skipped.' >&3
}

# --- Python environments --------------------------------------------------------------------------------------------------------------

tl_pip() { local venv=$1; shift; "$TL_UV" pip install -q --python "$venv/bin/python" "$@"; }

# tl_provide_venv NAME VARIABLE FILE...: build an environment with tl_build_NAME unless one built from the same things is there.
tl_provide_venv() {
  local name=$1 variable=$2 venv
  shift 2
  venv=$TL_CACHE/venvs/$name-$( (cat "$@" "$TL_ROOT/scripts/lib/ha_requirements.py"; declare -f "tl_build_$name" tl_components
    echo "$TL_TEST_COMPONENTS $TL_HASS_COMPONENTS") | tl_hash)
  TL_STATE=ready
  if [[ ! -e $venv/.complete ]] || ! "$venv/bin/python" -c ''; then
    TL_STATE='done'
    rm -rf "$venv"
    "$TL_UV" venv -q --no-project --python "$TL_PYTHON" "$venv" && "tl_build_$name" "$venv" || return
  fi
  touch "$venv/.complete"
  # A name that stays, for editors and for people.
  [[ $(readlink "$TL_CACHE/$name-venv") == "$venv" ]] || ln -sfn "$venv" "$TL_CACHE/$name-venv"
  printf -v "$variable" %s "$venv"
}

# tl_components VENV [--default] COMPONENT...: install what components of the installed Home Assistant ask for, within its constraints.
tl_components() {
  local venv=$1 list=$1/components.txt reader=$TL_ROOT/scripts/lib/ha_requirements.py
  shift
  "$venv/bin/python" "$reader" "$@" | grep -vE "$TL_COMPILED" >"$list" || return
  tl_pip "$venv" -c "$("$venv/bin/python" "$reader" --constraints)" -r "$list"
}

tl_build_test() {
  tl_pip "$1" -r "$TL_ROOT/requirements_test.txt" || return
  # shellcheck disable=SC2086
  tl_components "$1" --default $TL_TEST_COMPONENTS
}

tl_build_hass() {
  local venv=$1 headers
  tl_pip "$venv" -r "$TL_ROOT/requirements_live.txt" || return
  # shellcheck disable=SC2086
  tl_components "$venv" --default $TL_HASS_COMPONENTS || return
  tl_pip "$venv" opencv-python-headless || echo 'OpenCV does not install here: Timelapser runs without it.' >&3
  tl_pip "$venv" isal zlib-ng || true
  # The unpacked Debian prefix has its headers where the compiler does not look.
  headers=$(dirname "$(dirname "$TL_PYTHON")")/include
  # shellcheck disable=SC2046
  CPATH=$headers/python3.14:$headers tl_pip "$venv" \
    $("$venv/bin/python" "$TL_ROOT/scripts/lib/ha_requirements.py" --default | grep -E "$TL_COMPILED") ||
    echo "Voice activity detection cannot be compiled (g++, Python.h): Home Assistant's first starts take some 20 s longer." >&3
}

tl_provide_test_venv() { tl_provide_venv test TL_TEST_VENV "$TL_ROOT/requirements_test.txt"; }

tl_provide_hass_venv() { tl_provide_venv hass TL_HASS_VENV "$TL_ROOT/requirements_live.txt"; }

# Environments that nobody used for a month.
tl_prune() {
  local stamp
  find "$TL_CACHE/venvs" -mindepth 2 -maxdepth 2 -name .complete -mtime +30 | while read -r stamp; do rm -rf "${stamp%/*}"; done
}

# --- all of it ------------------------------------------------------------------------------------------------------------------------

# tl_setup [test] [hass] [system] [browser]: provide what is named (all without arguments); one run at a time.
tl_setup() {
  local wanted=" ${*:-test hass system browser} " rc=0
  mkdir -p "$TL_CACHE"/{log,tools,venvs} || return
  if command -v flock >/dev/null; then
    exec 9>"$TL_CACHE/lock"
    flock -n 9 || { tl_say 'Waiting for another setup to finish ...'; flock 9; }
  fi
  TL_STEP=0 TL_STEPS=2
  [[ $wanted == *' test '* ]] && TL_STEPS=$((TL_STEPS + 1))
  [[ $wanted == *' hass '* ]] && TL_STEPS=$((TL_STEPS + 1))
  [[ $wanted == *' system '* ]] && TL_STEPS=$((TL_STEPS + 2))
  [[ $wanted == *' browser '* ]] && TL_STEPS=$((TL_STEPS + 1))
  tl_setup_steps || rc=$?
  exec 9>&-
  export TL_ROOT TL_CACHE TL_UV TL_PYTHON TL_TEST_VENV TL_HASS_VENV TL_RTSP TL_RTSP_PYTHON TL_BROWSER
  return $rc
}

tl_setup_steps() {
  tl_step 'uv' tl_provide_uv || return
  tl_step 'Python 3.14' tl_provide_python || return
  if [[ $wanted == *' test '* ]]; then tl_step 'Test environment' tl_provide_test_venv || return; fi
  if [[ $wanted == *' hass '* ]]; then tl_step 'Home Assistant environment' tl_provide_hass_venv || return; fi
  if [[ $wanted == *' system '* ]]; then
    tl_step 'System packages' tl_provide_packages || return
    tl_step 'RTSP camera' tl_provide_camera || return
  fi
  if [[ $wanted == *' browser '* ]]; then tl_step 'Browser' tl_provide_browser || return; fi
  tl_prune
}
