"""python3 decode.py OLD PATCH NEW"""

import hashlib
import sys

import bidiff
import stream
from primitives import PatchError, strict_leb, unzigzag


def decode(old, patch):
    if patch[:3] != b"\x8fUP":
        raise PatchError("not a patch")
    if len(patch) < 17 or patch[3] != 1:
        raise PatchError("a patch of another format")
    codec = patch[4]
    if codec not in (1, 2):
        raise PatchError("a patch of an unknown codec")
    from_prefix, to_prefix = patch[5:9], patch[9:17]
    from_size, at = strict_leb(patch, 17)
    grown, at = strict_leb(patch, at)
    to_size = from_size + unzigzag(grown)
    kib, at = strict_leb(patch, at)
    memory = kib * 1024
    if max(to_size, memory) >= 1 << 64 or to_size < 0:
        raise PatchError("a length or the memory is out of bounds")
    if len(old) != from_size or not hashlib.sha256(old).digest().startswith(from_prefix):
        raise PatchError("the old file is another one")
    body = patch[at:]
    if codec == 1:
        new = bidiff.decode(old, body, to_size, memory - (2 << 20))
    else:
        new = stream.decode(old, body, to_size, memory)
    if len(new) != to_size or not hashlib.sha256(new).digest().startswith(to_prefix):
        raise PatchError("the new file came out wrong")
    return new


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1], "rb") as f:
            old = f.read()
        with open(sys.argv[2], "rb") as f:
            patch = f.read()
        new = decode(old, patch)
        with open(sys.argv[3], "wb") as f:
            f.write(new)
    except (OSError, PatchError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
