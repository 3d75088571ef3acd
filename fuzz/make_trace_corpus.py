#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the first inputs of fuzz_trace_events, byte for byte the same each time: what guests do, the same
read late, on both kinds of kernel, and over images that lie."""
import pathlib
import random
import re
import struct

HERE = pathlib.Path(__file__).resolve().parent
NAMES = re.findall(r'^    {"(\w+)", {', (HERE / "traced_world.h").read_text(encoding="ascii"), re.M)
NARROW, COMMIT, GAP, SIX, STOPPED, STARTED, FLOW, UNTYPED = (1 << bit for bit in range(8))
LATE = 128


def call(name, *args, who=0, ms=1, bits=0, lost=0):
    return bytes([NAMES.index(name), who, *(*args, 0, 0, 0)[:3], ms, bits, lost])


def used(file):
    """By both masks, by splice, and mapped."""
    return [call("security_file_permission", file, 4), call("security_file_permission", file, 2),
            call("get_pipe_info", file, 1), call("security_mmap_file", file, 4, 2),
            call("security_mmap_file", file, 3, 1)]


SEEN = [call("security_inode_alloc", 3), call("security_sk_alloc", 3, 2), call("security_file_free", 3)]
TOLD = [call(name, 8, bits=STARTED) for name in ("security_file_permission", "security_socket_sendmsg",
                                                "security_socket_recvmsg")]
OPENED = [call("alloc_empty_file", 2), call("vfs_open", 0, 0), call("file_ra_state_init", 0, 0)]
CHILD = [call("wake_up_new_task", 1), call("schedule_tail", 1, who=1)]

INPUTS = {
    "file": TOLD + SEEN + OPENED + used(0) + [call("security_file_free", 0), *OPENED, *used(0)],
    "file-inferred": SEEN + OPENED + [call("security_file_free", 0, bits=COMMIT)],
    "device": OPENED + [call("security_file_permission", 2, 4), call("security_mmap_file", 2, 7, 1)],
    "memory-file": SEEN + [call("alloc_file_pseudo", 0, 2), call("alloc_file_pseudo", 0, 0),
                           call("alloc_file_pseudo", 1, 1), call("alloc_file_pseudo", 8, 2)],
    "pipe": TOLD + SEEN + [call("security_inode_alloc", 1), call("stream_open", 1, 1), *used(1),
                           call("security_file_free", 1), call("vfs_open", 0, 1), *used(1)],
    "pipe-anew": TOLD + SEEN + [call("stream_open", 1, 1), *used(1), call("security_inode_alloc", 1)],
    "socket-file": TOLD + SEEN + [call("stream_open", 2, 2), *used(2)],
    "names": OPENED + [call("vfs_symlink", 0, 0, 3), call("security_inode_alloc", 3),
                       call("security_inode_link", 0, 0, 3), call("vfs_link", 0, 0, 0),
                       call("d_move", 0, 3), call("d_exchange", 0, 3), call("chmod_common", 0, 0xed),
                       call("notify_change", 0, 0), call("chown_common", 0), call("notify_change", 0, 3),
                       call("do_truncate", 0, 0), call("vfs_unlink", 0, 0, 0), call("vfs_unlink", 0, 0, 0)],
    "names-anew": [call("vfs_symlink", 0, 0, 3), call("d_set_d_op", 3), call("security_inode_alloc", 3),
                   *OPENED, call("d_set_d_op", 0), *OPENED, call("d_move", 0, 3), *OPENED,
                   call("security_inode_alloc", 0), *OPENED, call("unhash_mnt", 0), *OPENED,
                   call("set_fs_root", 0)],
    "mode-alone": [call("notify_change", 0, 0), call("chmod_common", 0, 0xff),
                   call("wake_up_new_task", 1), call("notify_change", 0, 8)],
    "processes": CHILD + OPENED + [call("set_mm_exe_file", 0, 0, who=1), call("set_mm_exe_file", 0, 8, who=1),
                                   call("commit_creds", 1), call("commit_creds", 0), call("commit_creds", 8),
                                   call("do_exit", 9, who=1), call("wake_up_new_task", 1),
                                   call("do_exit", 0, who=2), call("wake_up_new_task", 8)],
    "others": CHILD + [call("__send_signal_locked", 9, 0, 1), call("__send_signal_locked", 17, 0, 1),
                       call("ptrace_attach", 1, 16), call("security_ptrace_traceme", 0, who=1),
                       call("__x64_sys_process_vm_readv"), call("mm_access", 1, 0x12),
                       call("__x64_sys_process_vm_writev"), call("mm_access", 1, 0x12),
                       call("mm_access", 1, 0x12), *OPENED, call("mm_access", 1, 2), call("mm_access", 1, 1),
                       call("wake_up_new_task", 1)],
    "kernel": [call("do_init_module", 0), call("bpf_prog_kallsyms_add", 0), call("do_init_module", 8)],
    "tcp": TOLD + SEEN + [call("security_sk_alloc", 1, 2), call("sock_init_data", 1, 1), call("inet_bind", 1),
                          call("secure_ipv4_port_ephemeral", 5, 9, 80), call("tcp_connect", 1),
                          call("security_socket_sendmsg", 1), call("security_socket_recvmsg", 1),
                          call("tcp_close", 1), call("security_sk_alloc", 1, 2),
                          call("secure_ipv4_port_ephemeral", 5, 9, 80), call("tcp_connect", 8),
                          call("tcp_connect", 1), call("do_exit", 0), call("security_sk_alloc", 1, 2)],
    "tcp-inferred": [call("tcp_connect", 1), call("do_exit", 0), *SEEN, call("inet_listen", 1),
                     call("security_sock_graft", 1, 1), call("tcp_close", 1)],
    "tcp6": TOLD + SEEN + [call("inet6_bind", 2), call("secure_ipv6_port_ephemeral", 2, 2, 80, bits=SIX),
                           call("tcp_connect", 2), call("secure_ipv6_port_ephemeral", 1, 1, 80, bits=SIX),
                           call("tcp_connect", 2), call("security_socket_sendmsg", 2),
                           call("__ip6_datagram_connect", 2), call("tcp_close", 2)],
    "datagrams": TOLD + SEEN + [call("inet_bind", 0), call("security_socket_sendmsg", 0, bits=COMMIT),
                                call("security_socket_recvmsg", 0, bits=COMMIT),
                                call("do_exit", 1, who=3, ms=2, bits=COMMIT),
                                call("do_exit", 1, who=3, ms=2, bits=COMMIT | FLOW, lost=12),
                                call("sk_common_release", 0, bits=COMMIT),
                                call("do_exit", 1, who=3, ms=2, bits=COMMIT),
                                call("do_exit", 1, who=3, ms=120, bits=COMMIT | FLOW, lost=12),
                                call("security_sk_alloc", 0, 2), call("security_socket_sendmsg", 0),
                                call("__ip4_datagram_connect", 0, bits=COMMIT | FLOW, lost=12)],
    "datagrams-of-two": TOLD + SEEN + CHILD + [call("security_socket_sendmsg", 0),
                                               call("security_socket_recvmsg", 0, who=1),
                                               call("do_exit", 1, who=3, ms=9, bits=COMMIT),
                                               call("do_exit", 1, who=3, bits=COMMIT | FLOW, lost=12),
                                               call("do_exit", 1, who=3, bits=GAP | FLOW, lost=12)],
    "unix": TOLD + SEEN + [call("security_sk_alloc", 3, 1), call("sock_init_data", 3, 3),
                           call("security_socket_sendmsg", 3), call("security_socket_recvmsg", 3),
                           call("security_sock_graft", 3, 3), call("security_socket_sendmsg", 3)],
    "every": [call(name) for name in NAMES],
    "narrow": [call(name, bits=NARROW) for name in NAMES],
    "untyped": [call(name, bits=UNTYPED) for name in NAMES],
    "nothing": [call(name, 8, 8, 8) for name in NAMES],
    "no-address": [call(name, 16, 16, 16) for name in NAMES],
    "strangers": [call(name, 4, 36, 68, who=2 + i % 8) for i, name in enumerate(NAMES)],
    "stops": TOLD + SEEN + [call(name, bits=STOPPED) for name in NAMES] +
             [call(name, bits=STARTED | COMMIT) for name in NAMES],
    "gaps": TOLD + SEEN + OPENED + [call(name, bits=GAP if i % 3 else COMMIT, lost=i)
                                    for i, name in enumerate(NAMES)],
}


def later(calls):
    """The same, of which nothing is read before all of it was done."""
    return [call[:5] + bytes([call[5] | LATE]) + call[6:] for call in calls]


def save(name, calls, kind, lies=b""):
    assert len(calls) < 128, name
    folder = HERE / "corpus" / "trace_events"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(bytes([len(calls) | kind]) + b"".join(calls) + lies)


def main():
    for name, calls in INPUTS.items():
        save(name, calls, 0)
        save(name + "-late", later(calls), 128)
        chance = random.Random(name)
        lies = b"".join(struct.pack("<HBBIQ", chance.randrange(400), chance.randrange(4), 0,
                                    chance.randrange(40000), chance.randrange(2 ** 20)) for _ in range(12))
        save(name + "-lies", calls, 128, lies)


main()
