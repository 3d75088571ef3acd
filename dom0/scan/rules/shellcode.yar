// SPDX-License-Identifier: GPL-2.0-or-later
// Instruction sequences of position-independent code for x86-64 Linux: system calls by number with
// their strings built in registers, as no compiler writes them.

rule shellcode_execve_shell
{
	meta:
		severity = "critical"
		why = "Code that starts a shell by itself, as it is injected into programs"
	strings:
		// movabs $"/bin//sh" or "/bin/sh\0" to a register ... eax = 59 ... syscall
		$push59 = { 48 (B8 | B9 | BA | BB | BE | BF) 2F 62 69 6E 2F (2F 73 68 | 73 68 00) [0-48] 6A 3B 58 [0-32] 0F 05 }
		$mov59 = { 48 (B8 | B9 | BA | BB | BE | BF) 2F 62 69 6E 2F (2F 73 68 | 73 68 00) [0-48] B0 3B [0-32] 0F 05 }
		$first = { 6A 3B 58 [0-32] 48 (B9 | BA | BB | BE | BF) 2F 62 69 6E 2F (2F 73 68 | 73 68 00) [0-48] 0F 05 }
	condition:
		any of them
}

rule shellcode_socket_connect
{
	meta:
		severity = "high"
		why = "Code that opens a network connection without any library, as injected code does"
	strings:
		// socket(AF_INET, SOCK_STREAM) and later connect, each by number
		$socket = { 6A 29 58 [0-16] 6A 02 5F [0-8] 6A 01 5E [0-8] 0F 05 [0-64] 6A 2A 58 [0-16] 0F 05 }
	condition:
		$socket
}
