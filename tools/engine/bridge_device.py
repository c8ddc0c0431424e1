"""Add or delete a network bridge for a Docker Engine, without `ip`, which a small system lacks.

bridge_device.py add|delete NAME

An added bridge gets the first address of a /24 that this machine has no route to.
"""

import fcntl
import socket
import struct
import sys
import zlib
from pathlib import Path

ADD_BRIDGE, DELETE_BRIDGE = 0x89A0, 0x89A1
SET_FLAGS, SET_ADDRESS, SET_NETMASK = 0x8914, 0x8916, 0x891C
UP = 0x1


def exists(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


def routed() -> set[str]:
    """The networks this machine has a route to, as /proc spells them: little-endian hex."""
    rows = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    return {row.split()[1] for row in rows}


def free_address(name: str) -> str:
    taken = routed()
    first = zlib.crc32(name.encode())
    for number in ((first + step) % 256 for step in range(256)):
        if f"00{number:02X}1DAC" not in taken:
            return f"172.29.{number}.1"
    message = "no free network among 172.29.0.0/24 to 172.29.255.0/24"
    raise SystemExit(message)


def request(name: str, address: str) -> bytes:
    """A struct ifreq that holds an IPv4 address."""
    return struct.pack("16sHH4s16x", name.encode(), socket.AF_INET, 0, socket.inet_aton(address))


def add(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        if not exists(name):
            address = free_address(name)
            fcntl.ioctl(control, ADD_BRIDGE, name.encode() + b"\0")
            fcntl.ioctl(control, SET_ADDRESS, request(name, address))
            fcntl.ioctl(control, SET_NETMASK, request(name, "255.255.255.0"))
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sH22x", name.encode(), UP))


def delete(name: str) -> None:
    if not exists(name):
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sH22x", name.encode(), 0))
        fcntl.ioctl(control, DELETE_BRIDGE, name.encode() + b"\0")


if __name__ == "__main__":
    {"add": add, "delete": delete}[sys.argv[1]](sys.argv[2])
