#!/usr/bin/env python3
"""Lists a zip or tar archive, or unpacks it safely into a new folder.

  unpack.py report.zip --list
  unpack.py report.zip --into report
  unpack.py report.zip --into report --only '*.csv'

An archive is refused as a whole, and nothing is left behind, if it holds
names that lead out of the folder, links, devices, encrypted or repeated
entries, or more content than its size warrants.
"""

import argparse
import os
import shutil
import stat
import sys

from archives import (CHUNK_BYTES, CONTENT_BYTES_MAX, ENTRIES_MAX, FORMATS, RATIO_FREE_BYTES, RATIO_MAX, ArchiveError,
                      format_of_content, listing, plain_mode, run, safe_parts, shown)

# Stops headers that claim gigabytes, and xz dictionaries of that size, before they are read into memory.
ADDRESS_SPACE_BYTES_MAX = 1024 * 1024 * 1024

# Headers and padding that a tar has besides its content.
TAR_OVERHEAD_BYTES = ENTRIES_MAX * 4096


class Entry:
    """A file or folder in an archive. `open()` gives its content, to be read before the next entry."""

    def __init__(self, name, size, mode, is_folder, open_content):
        self.name = name
        self.size = size
        self.mode = mode
        self.is_folder = is_folder
        self.open = open_content


class Allowance:
    """How many bytes of content may still come out of an archive of a given size."""

    def __init__(self, archive_bytes, extra=0):
        self.left = min(CONTENT_BYTES_MAX, max(RATIO_FREE_BYTES, archive_bytes * RATIO_MAX)) + extra

    def spend(self, count):
        self.left -= count
        if self.left < 0:
            raise ArchiveError("refused: the content is far larger than the archive warrants, as in a bomb")


class MeteredReader:
    """Reads a stream on an allowance. Tar headers inside a compressed stream cost content, too."""

    def __init__(self, stream, allowance):
        self._stream = stream
        self._allowance = allowance

    def read(self, count):
        data = self._stream.read(count)
        self._allowance.spend(len(data))
        return data


def zip_entries(path):
    """Yields the entries of a zip archive."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if info.flag_bits & 1:
                raise ArchiveError(f"refused: {shown(info.filename)} is encrypted")
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(f"refused: {shown(info.filename)} is a link or a device")
            yield Entry(info.filename, info.file_size, mode, info.is_dir(), lambda info=info: archive.open(info))


def tar_entries(path, kind):
    """Yields the entries of a tar archive, read as a stream."""
    import tarfile

    allowance = Allowance(os.path.getsize(path), TAR_OVERHEAD_BYTES)
    with _decompressor(path, kind) as stream:
        with tarfile.open(fileobj=MeteredReader(stream, allowance), mode="r|") as archive:
            for info in archive:
                if not (info.isreg() or info.isdir()) or info.issparse():
                    raise ArchiveError(f"refused: {shown(info.name)} is a link, a device or sparse")
                yield Entry(info.name, info.size, info.mode, info.isdir(),
                            lambda info=info: archive.extractfile(info))
                archive.members.clear()  # Otherwise every header stays in memory.


def _decompressor(path, kind):
    if kind == "tar.gz":
        import gzip

        return gzip.open(path)
    if kind == "tar.bz2":
        import bz2

        return bz2.open(path)
    if kind == "tar.xz":
        import lzma

        return lzma.open(path)
    return open(path, "rb")


def checked_entries(path):
    """Yields (entry, parts of its name), each checked, of an archive of any format."""
    kind = format_of_content(path)
    entries = zip_entries(path) if kind == "zip" else tar_entries(path, kind)
    for count, entry in enumerate(entries, 1):
        if count > ENTRIES_MAX:
            raise ArchiveError(f"refused: more than {ENTRIES_MAX:,} entries")
        yield entry, safe_parts(entry.name)


def list_archive(path):
    """Returns the (name, bytes) pairs of an archive; the sizes are those it claims."""
    return [(entry.name, entry.size) for entry, _ in checked_entries(path)]


def is_wanted(entry, parts, patterns):
    """True for a file that one of the patterns names, by its whole name or its last part; without any, for all."""
    if not patterns:
        return True
    from fnmatch import fnmatchcase

    names = ("/".join(parts), parts[-1] if parts else "")
    return not entry.is_folder and any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def unpack(path, folder, patterns=()):
    """Unpacks into `folder`, which appears whole or not at all. Returns its (name, bytes) pairs.

    All entries are checked, also those that no pattern asks for.
    """
    import tempfile

    parent = os.path.dirname(os.path.abspath(folder))
    allowance = Allowance(os.path.getsize(path))
    partial = tempfile.mkdtemp(prefix=".unpack-", dir=parent)
    try:
        written = [(entry.name, _write(entry, partial, parts, allowance)) for entry, parts in checked_entries(path)
                   if is_wanted(entry, parts, patterns)]
        if patterns and not written:
            raise ArchiveError(f"no file in it is called {' or '.join(map(shown, patterns))}")
        os.chmod(partial, 0o755)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial)
        raise
    return written


def _write(entry, root, parts, allowance):
    """Writes one entry below `root` and returns its bytes. The folder holds no links, so none are followed."""
    target = os.path.join(root, *parts)
    if entry.is_folder:
        os.makedirs(target, exist_ok=True)
        return 0
    if not parts:
        raise ArchiveError("refused: an entry without a name")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    written = 0
    with entry.open() as source, open(target, "xb") as file:
        while chunk := source.read(CHUNK_BYTES):
            allowance.spend(len(chunk))
            written += file.write(chunk)
        os.chmod(file.fileno(), plain_mode(entry.mode))
    return written


def default_folder(path):
    """The archive's own name without its suffix."""
    name = os.path.basename(path)
    suffix = next((s for s in sorted(FORMATS, key=len, reverse=True) if name.lower().endswith(s)), "")
    return name[:-len(suffix)] if suffix and name != suffix else name + ".unpacked"


def limit_memory():
    """Bounds the address space of this process."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = ADDRESS_SPACE_BYTES_MAX if hard == resource.RLIM_INFINITY else min(hard, ADDRESS_SPACE_BYTES_MAX)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def damage_errors():
    """What the standard library raises for archives that are cut or corrupt."""
    import lzma
    import tarfile
    import zipfile
    import zlib

    return (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, NotImplementedError)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="the archive to read")
    parser.add_argument("--into", metavar="folder", help="a new folder (default: the archive's name without suffix)")
    parser.add_argument("--list", action="store_true", help="only list what is in it")
    parser.add_argument("--only", metavar="pattern", action="append", default=[],
                        help="unpack only files of this name, as '*.csv' or 'data/*'; may be given several times")
    arguments = parser.parse_args()
    limit_memory()
    folder = arguments.into or default_folder(arguments.archive)
    try:
        if arguments.list:
            return listing(f"Content of {shown(arguments.archive)}", list_archive(arguments.archive))
        if os.path.lexists(folder):
            raise ArchiveError(f"{shown(folder)} exists; choose another folder with --into")
        return listing(f"Unpacked into {shown(folder)}/", unpack(arguments.archive, folder, arguments.only))
    except damage_errors() as error:
        raise ArchiveError(f"{shown(arguments.archive)} is damaged: {error}") from None


if __name__ == "__main__":
    sys.exit(run(main))
