"""A small system-call filter (classic BPF): what only serves to attack the kernel or to leave is refused.

The namespaces are the wall; this narrows what a workload can try against it: no namespaces of its own, no
mounts, no keyrings, no BPF, no io_uring. Architectures without a table get no filter. Standard library only.
"""

import ctypes
import errno
import os
import struct

from clusters.local import kernel

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_RET_ALLOW = 0x7FFF0000
_RET_ERRNO = 0x00050000
_RET_KILL_PROCESS = 0x80000000

_LD_WORD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_AT_LEAST = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06
_OFFSET_NUMBER = 0
_OFFSET_ARCH = 4
_OFFSET_FIRST_ARGUMENT = 16

_X32_BIT = 0x40000000
_NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}

_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
# Numbers from Linux's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
_DENIED: dict[str, tuple[int, ...]] = {
    "x86_64": (
        *(272, 308, 165, 166, 155, 161),  # unshare, setns, mount, umount2, pivot_root, chroot
        *(250, 248, 249, 321, 298, 323),  # keyctl, add_key, request_key, bpf, perf_event_open, userfaultfd
        *(246, 320, 175, 313, 176),  # kexec_load, kexec_file_load, init_module, finit_module, delete_module
        *(
            304,
            179,
            163,
            167,
            168,
            169,
            103,
        ),  # open_by_handle_at, quotactl, acct, swapon, swapoff, reboot, syslog
    ),
    "aarch64": (
        *(97, 268, 40, 39, 41, 51),
        *(219, 217, 218, 280, 241, 282),
        *(104, 294, 105, 273, 106),
        *(265, 60, 89, 224, 225, 142, 116),
    ),
}
# io_uring_{setup,enter,register}, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr:
# one table for all.
_DENIED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def program(machine: str) -> bytes | None:
    """Return the filter for `machine` (as `os.uname().machine`), or None where there is no table."""
    if machine not in _ARCH:
        return None
    refuse = _statement(_RETURN, _RET_ERRNO | errno.EPERM)
    code = [
        _statement(_LD_WORD, _OFFSET_ARCH),
        _jump(_JUMP_EQUAL, _ARCH[machine], 1, 0),
        _statement(_RETURN, _RET_KILL_PROCESS),
        _statement(_LD_WORD, _OFFSET_NUMBER),
    ]
    if machine == "x86_64":
        code += [_jump(_JUMP_AT_LEAST, _X32_BIT, 0, 1), refuse]
    for number in (*_DENIED[machine], *_DENIED_EVERYWHERE):
        code += [_jump(_JUMP_EQUAL, number, 0, 1), refuse]
    # clone3 passes its flags by address, which a filter cannot read: "not implemented" makes libc use clone.
    code += [_jump(_JUMP_EQUAL, _CLONE3, 0, 1), _statement(_RETURN, _RET_ERRNO | errno.ENOSYS)]
    code += [
        _jump(_JUMP_EQUAL, _CLONE[machine], 0, 3),
        _statement(_LD_WORD, _OFFSET_FIRST_ARGUMENT),
        _jump(_JUMP_ANY_BIT, _NAMESPACE_FLAGS & ~0x80, 0, 1),  # bit 7 belongs to clone's exit signal
        refuse,
        _statement(_RETURN, _RET_ALLOW),
    ]
    return b"".join(code)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install() -> bool:
    """Filter this process and its children from now on; needs no_new_privs. False where there is no table
    or no seccomp.
    """
    code = program(os.uname().machine)
    if code is None:
        return False
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    pointer = ctypes.cast(ctypes.pointer(filter_program), ctypes.c_void_p)
    try:
        kernel.prctl_pointer(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer)
    except OSError as error:
        if error.errno == errno.EINVAL:  # a kernel without seccomp filters
            return False
        raise
    return True
