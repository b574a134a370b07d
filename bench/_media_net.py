"""A network of its own for the media bench. Janus leaves loopback out, so it needs an address that is none."""

import ctypes
import os
import socket
import subprocess

ADDRESS = "10.111.0.1"
_CLONE_NEWNET = 0x40000000
_ELSEWHERE = ("192.0.2.1", 9)


def enter() -> tuple[str, str]:
    """The address for all servers and peers, and what it is.

    As root on Linux this thread, and what it starts from now on, moves to a new network namespace that nobody
    else can reach. Otherwise it is the machine's own address: those packets stay on the machine too.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0 and _isolate():
        return ADDRESS, "network namespace of its own"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            # Sends nothing: it only asks the routing table.
            one.connect(_ELSEWHERE)
        except OSError:
            return "127.0.0.1", "loopback"
        return one.getsockname()[0], "the machine's own address"


def _isolate() -> bool:
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
            return False
        for command in (
            "link set lo up",
            "link add hilink0 type veth peer name hilink1",
            f"address add {ADDRESS}/32 dev hilink0",
            "link set hilink0 up",
            "link set hilink1 up",
        ):
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)
    except (OSError, AttributeError, subprocess.CalledProcessError) as error:
        raise RuntimeError("a network namespace could not be set up; is iproute2 installed?") from error
    return True
