"""A bbolt file, written whole: what Trivy keeps its database in.

It holds buckets of keys, and a bucket may lie in another: https://github.com/etcd-io/bbolt. What is
written here is for readers: every bucket is one leaf page, as long as it has to be, and no page is
free.

    write_bolt(path, {"debian 13": {"openssl": {"CVE-2014-0160": b"{}"}}})
"""

import struct
from collections.abc import Mapping
from pathlib import Path

PAGE = 4096
FIRST = 3
"""The page after the two meta pages and the list of free ones."""

LEAF, META, FREE = 0x02, 0x04, 0x10
"""What a page is."""
VALUE, BUCKET = 0, 1
"""What an element of a leaf page is."""

type Bucket = Mapping[str, Bucket | bytes]


def write_bolt(path: Path, root: Bucket) -> None:
    """Write a database with these buckets; a bucket may be empty."""
    leaves = bytearray()
    top = add(leaves, root)
    metas = [meta(number, top, FIRST + len(leaves) // PAGE) for number in (0, 1)]
    path.write_bytes(b"".join(metas) + page(2, FREE) + leaves)


def add(leaves: bytearray, bucket: Bucket) -> int:
    """Append a bucket to the pages, after those that lie in it; return the number of its page."""
    elements = []
    for key in sorted(bucket, key=str.encode):
        value = bucket[key]
        if isinstance(value, bytes):
            elements.append((VALUE, key.encode(), value))
        else:
            elements.append((BUCKET, key.encode(), struct.pack("<QQ", add(leaves, value), 0)))
    number = FIRST + len(leaves) // PAGE
    leaves += page(number, LEAF, len(elements), leaf(elements))
    return number


def leaf(elements: list[tuple[int, bytes, bytes]]) -> bytes:
    """Return the elements of a leaf page, sorted by key: where each lies, and then what it says."""
    table, data = bytearray(), bytearray()
    size = struct.calcsize("<IIII")
    for index, (kind, key, value) in enumerate(elements):
        # A position is counted from the element that tells it.
        position = (len(elements) - index) * size + len(data)
        table += struct.pack("<IIII", kind, position, len(key), len(value))
        data += key + value
    return bytes(table + data)


def meta(number: int, top: int, end: int) -> bytes:
    """Return one of the two pages that tell where everything is; readers take the newer."""
    head = struct.pack("<IIII", 0xED0CDAED, 2, PAGE, 0)
    where = struct.pack("<QQQQQ", top, 0, 2, end, number)
    return page(number, META, body=head + where + struct.pack("<Q", fnv64a(head + where)))


def page(number: int, kind: int, count: int = 0, body: bytes = b"") -> bytes:
    """Return a page that holds `count` elements, continued on as many as it takes."""
    more = (struct.calcsize("<QHHI") + len(body) - 1) // PAGE
    content = struct.pack("<QHHI", number, kind, count, more) + body
    return content.ljust((1 + more) * PAGE, b"\0")


def fnv64a(data: bytes) -> int:
    """Return the FNV-1a hash of 64 bits, a meta page's checksum."""
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest
