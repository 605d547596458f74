"""What packing and unpacking share: formats, safe names and limits.

Exit statuses of the scripts: 0 success, 1 refused or failed, 2 wrong usage.
"""

import os
import stat
import sys

# The first suffix that fits decides the format of a new archive.
FORMATS = {
    ".zip": "zip",
    ".tar": "tar", ".tar.gz": "tar.gz", ".tgz": "tar.gz", ".tar.bz2": "tar.bz2", ".tar.xz": "tar.xz",
}

# An existing archive is known by its first bytes, whatever it is called.
MAGIC = ((b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\x1f\x8b", "tar.gz"), (b"BZh", "tar.bz2"),
         (b"\xfd7zXZ\0", "tar.xz"))
TAR_MAGIC_AT, TAR_MAGIC = 257, b"ustar"

ENTRIES_MAX = 10_000

# Of all content, unpacked and counted as it is read: what an archive says of itself is not trusted.
CONTENT_BYTES_MAX = 1024 * 1024 * 1024

# Real documents shrink to a tenth, text to a fiftieth. Small archives are let off: they do no harm.
RATIO_MAX = 200
RATIO_FREE_BYTES = 16 * 1024 * 1024

# What Linux accepts; longer names would only fail later.
PART_BYTES_MAX = 255
PATH_BYTES_MAX = 1024

CHUNK_BYTES = 1024 * 1024


class ArchiveError(Exception):
    """The archive is refused or cannot be made. The message is for people."""


def format_of_name(path):
    """The format that the suffix of `path` asks for."""
    for suffix, name in FORMATS.items():
        if path.lower().endswith(suffix):
            return name
    raise ArchiveError(f"{shown(path)}: the name must end with one of {', '.join(FORMATS)}")


def format_of_content(path):
    """The format of an existing archive, from its content."""
    with open(path, "rb") as file:
        head = file.read(512)
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    if head[TAR_MAGIC_AT:].startswith(TAR_MAGIC):
        return "tar"
    raise ArchiveError(f"{shown(path)} is neither a zip nor a tar archive")


def safe_parts(name):
    """Splits the name of an entry into its parts, or refuses it.

    A name that passes stays below the folder it is joined to: it is relative,
    has no `..`, and no sign that another system would take for a separator.
    """
    if name.startswith("/") or "\\" in name or ":" in name.split("/")[0]:
        raise ArchiveError(f"{shown(name)}: not a relative path with slashes")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ArchiveError(f"{shown(name)}: leads out of the folder")
    if not all(map(_is_name, parts)) or len(os.fsencode(name)) > PATH_BYTES_MAX:
        raise ArchiveError(f"{shown(name)}: too long, or with control characters")
    return parts


def _is_name(part):
    return len(os.fsencode(part)) <= PART_BYTES_MAX and all(c >= " " and c != "\x7f" for c in part)


def plain_mode(mode):
    """A mode that keeps nothing but whether the owner may execute."""
    return 0o755 if mode & stat.S_IXUSR else 0o644


def shown(name):
    """A name as one printable line of bounded length."""
    line = "".join(c if c.isprintable() else "?" for c in name)
    return line if len(line) <= 200 else line[:200] + "…"


def listing(title, entries):
    """Markdown: (name, bytes) pairs as a table with totals."""
    width = max([4, *(len(f"{size:,}") for _, size in entries)])
    lines = [f"| {'bytes'.rjust(width + 1)} | name |", f"| {'-' * width}: | ---- |"]
    lines += [f"| {f'{size:,}'.rjust(width + 1)} | {shown(name).replace('|', chr(92) + '|')} |" for name, size in entries]
    total = sum(size for _, size in entries)
    return f"# {title}\n\n{len(entries):,} entries, {total:,} bytes\n\n" + "\n".join(lines)


def run(main):
    """Calls `main() -> Markdown` and returns the exit status."""
    try:
        sys.stdout.buffer.write(main().encode("utf-8", "replace") + b"\n")
    except ArchiveError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{shown(str(error.filename or 'archive'))}: {error.strerror or error}")
    except MemoryError:
        return _fail("refused: reading the archive takes too much memory")
    return 0


def _fail(message):
    sys.stderr.buffer.write(f"error: {message}\n".encode("utf-8", "replace"))
    return 1
