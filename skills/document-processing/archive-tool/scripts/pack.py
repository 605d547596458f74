#!/usr/bin/env python3
"""Packs files and folders of the working folder into a zip or tar archive.

  pack.py report.zip notes.md figures/

The suffix decides the format: .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz.
The same content gives the same bytes: entries are sorted, and owners and
times are left out. Links and special files are refused. What a runner has put
into the working folder for the run itself is left out of `.`.
"""

import argparse
import os
import stat
import sys

from archives import (CHUNK_BYTES, CONTENT_BYTES_MAX, ENTRIES_MAX, ArchiveError, format_of_name, listing, plain_mode,
                      run, safe_parts, shown)

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # The earliest that zip can express.


def collect(paths, archive):
    """Returns [(name in the archive, stat)] of all files and folders below `paths`, sorted.

    The archive itself is left out, so that packing `.` again works.
    """
    found = {}
    asked = {"/".join(safe_parts(path)) or "." for path in paths}
    waiting = list(asked)
    content_bytes = 0
    belongings = runner_belongings()
    while waiting:
        path = waiting.pop()
        status = os.lstat(path)
        if path == os.path.normpath(archive) or path not in asked and "/" not in path and is_belonging(path, belongings):
            continue
        if stat.S_ISDIR(status.st_mode):
            waiting += [path + "/" + name if path != "." else name for name in os.listdir(path)]
        elif not stat.S_ISREG(status.st_mode):
            raise ArchiveError(f"{shown(path)}: only files and folders can be packed, no links or devices")
        if path != ".":
            safe_parts(path)
            found[path] = status
        content_bytes += status.st_size if stat.S_ISREG(status.st_mode) else 0
        _check_limits(found, content_bytes)
    if not found:
        raise ArchiveError("there is nothing to pack")
    return sorted(found.items())


def runner_belongings():
    """What a runner keeps in the working folder: real paths of its home, its temporary folder and the intent."""
    names = ("HOME", "TMPDIR", "SKILLSCALE_INTENT_FILE")
    return {os.path.realpath(os.environ[name]) for name in names if os.environ.get(name)}


def is_belonging(path, belongings):
    """True for what a runner keeps there, and for a link to a part of this skill."""
    real = os.path.realpath(path)
    skill = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    return real in belongings or os.path.islink(path) and os.path.dirname(real) == skill


def _check_limits(found, content_bytes):
    if len(found) > ENTRIES_MAX:
        raise ArchiveError(f"more than {ENTRIES_MAX:,} entries")
    if content_bytes > CONTENT_BYTES_MAX:
        raise ArchiveError(f"more than {CONTENT_BYTES_MAX:,} bytes of content")


def write_zip(file, entries):
    """Writes a zip archive to the open `file`."""
    import zipfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, status in entries:
            folder = stat.S_ISDIR(status.st_mode)
            info = zipfile.ZipInfo(name + "/" if folder else name, ZIP_TIME)
            info.create_system = 3  # Unix, so that the mode is understood.
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFDIR | 0o755 if folder else stat.S_IFREG | plain_mode(status.st_mode)) << 16
            if folder:
                archive.writestr(info, b"")
                continue
            with open(name, "rb") as source, archive.open(info, "w", force_zip64=status.st_size > 2 ** 31) as target:
                while chunk := source.read(CHUNK_BYTES):
                    target.write(chunk)


def write_tar(file, entries, kind):
    """Writes a tar archive, compressed as `kind` says, to the open `file`."""
    import tarfile

    packed = _compressor(file, kind)
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, status in entries:
            info = tarfile.TarInfo(name)
            if stat.S_ISDIR(status.st_mode):
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
                continue
            info.mode = plain_mode(status.st_mode)
            with open(name, "rb") as source:
                info.size = os.fstat(source.fileno()).st_size
                archive.addfile(info, source)
    if packed is not file:
        packed.close()


def _compressor(file, kind):
    if kind == "tar.gz":
        import gzip

        return gzip.GzipFile("", "wb", fileobj=file, mtime=0)
    if kind == "tar.bz2":
        import bz2

        return bz2.BZ2File(file, "wb")
    if kind == "tar.xz":
        import lzma

        return lzma.LZMAFile(file, "wb")
    return file


def pack(archive, paths):
    """Makes `archive` of `paths`; it appears whole or not at all. Returns its entries."""
    kind = format_of_name(archive)
    entries = collect(paths, archive)
    partial = archive + ".partial"
    with open(partial, "xb") as file:
        try:
            write_zip(file, entries) if kind == "zip" else write_tar(file, entries, kind)
            os.replace(partial, archive)
        except BaseException:
            os.unlink(partial)
            raise
    return [(name + "/", 0) if stat.S_ISDIR(s.st_mode) else (name, s.st_size) for name, s in entries]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="the archive to make; its suffix decides the format")
    parser.add_argument("paths", nargs="+", metavar="path", help="a file or folder below the working folder")
    parser.add_argument("--force", action="store_true", help="replace the archive if it exists")
    arguments = parser.parse_args()
    if os.path.lexists(arguments.archive) and not arguments.force:
        raise ArchiveError(f"{shown(arguments.archive)} exists; use --force to replace it")
    return listing(f"Packed {shown(arguments.archive)}", pack(arguments.archive, arguments.paths))


if __name__ == "__main__":
    sys.exit(run(main))
