"""What TCP over loopback costs with nothing behind it: how fast any target on this machine could be with large transfers.

One process sends, the other receives into a ring of memory as large as an arena would use and, for writes, gives each piece to
the page cache of a file; for reads it is the sender that takes each piece from there. No iSCSI, no second process.
"""

import mmap
import os
import socket
import time

MEMORY = 32 << 20
FILE = 256 << 20
SEND = 256 << 10


def receive(connection, view):
    have = 0
    while have < len(view):
        if not (got := connection.recv_into(view[have:])):
            return False
        have += got
    return True


def megabytes(kind, piece, seconds, place):
    """MB/s of pieces of so many bytes, `read` or `write` seen from the sender of commands."""
    listener = socket.create_server(("127.0.0.1", 0))
    memory = memoryview(mmap.mmap(-1, MEMORY))
    medium = os.open(place / "wire.img", os.O_RDWR | os.O_CREAT)
    for at in range(0, FILE, MEMORY):
        os.pwrite(medium, memory, at)
    target = os.fork()
    if target == 0:
        # The far end: what a target does, with nothing else to do.
        connection, _ = listener.accept()
        at = 0
        try:
            while True:
                part = memory[at % MEMORY:at % MEMORY + piece]
                if kind == "read":
                    os.preadv(medium, [part], at % FILE)
                    connection.sendall(part)
                elif receive(connection, part):
                    os.pwrite(medium, part, at % FILE)
                else:
                    os._exit(0)
                at += piece
        finally:
            os._exit(0)
    client = socket.create_connection(listener.getsockname())
    moved, began = 0, time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        part = memory[moved % MEMORY:moved % MEMORY + SEND]
        if kind == "read":
            receive(client, part)
        else:
            client.sendall(part)
        moved += SEND
    client.close()
    os.waitpid(target, 0)
    os.close(medium)
    return moved / passed / 1e6
