/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence that is code, as an analyst reads it. */
#include "scan/scanners.h"

#include <stdio.h>
#include <string.h>

#include <capstone/capstone.h>

#define INSTRUCTIONS 5

/* All zeroes, as memory that nobody has written to yet, is an instruction that means nothing. */
static bool is_blank(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

void tocsin_scan_disassemble(struct tocsin_finding *f, uint64_t va)
{
	size_t n, length = 0;
	cs_insn *code;
	csh handle;

	if (is_blank(f->evidence, f->evidence_size) ||
	    cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return;
	n = cs_disasm(handle, f->evidence, f->evidence_size, va, INSTRUCTIONS, &code);
	for (size_t i = 0; i < n && length < sizeof(f->code); i++)
		length += (size_t)snprintf(f->code + length, sizeof(f->code) - length, "%s%s%s%s",
					   i ? "; " : "", code[i].mnemonic,
					   code[i].op_str[0] ? " " : "", code[i].op_str);
	if (n)
		cs_free(code, n);
	cs_close(&handle);
}
