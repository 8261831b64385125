# Sourced by what runs Windows builds, from the project's folder: sets Wine up in
# target/cross, and takes it down when the suite ends. $wine runs a program.
packages=()
for package in gcc-mingw-w64-x86-64 wine64 wine; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || packages+=("$package")
done
if [ ${#packages[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

cross=$PWD/target/cross
export WINEPREFIX="$cross/wine" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=;winedbg.exe=d"
unset DISPLAY || true
wine=/usr/lib/wine/wine64
wineserver=/usr/lib/wine/wineserver
[ -x "$wineserver" ] || wineserver=wineserver
if [ ! -e "$WINEPREFIX/.ready" ]; then
  mkdir -p "$WINEPREFIX"
  timeout 300 wineboot -i >/dev/null 2>&1
  "$wineserver" -w
  # Wine 8.0 has no bcryptprimitives.dll, which every Rust program imports: a stand-in.
  cat > "$cross/bcryptprimitives.c" <<'C'
#include <windows.h>
#define RtlGenRandom SystemFunction036
BOOLEAN NTAPI RtlGenRandom(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) {
  while (n) { ULONG c = n > 0x10000000 ? 0x10000000 : (ULONG)n; if (!RtlGenRandom(p, c)) return FALSE; p += c; n -= c; }
  return TRUE;
}
C
  x86_64-w64-mingw32-gcc -O2 -shared -s -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" \
    "$cross/bcryptprimitives.c" -ladvapi32
  touch "$WINEPREFIX/.ready"
fi
# One Wine stays up until the end: else each start of a program pays a second or more, and the
# services that the first one starts hold its output open.
trap '"$wineserver" -k || true' EXIT
"$wineserver" -p || true
"$wine" cmd /c exit </dev/null >/dev/null 2>&1
