/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The middle of the kernel's functions. tocsin_transfer_list gives bytes that would lead out of
 * the kernel if an instruction began with them; here each function that has some is disassembled
 * once, from its beginning, and what is no instruction is dropped: bytes of an address or of a
 * number may look like anything.
 */
#include "scan/scanners.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>

#define FUNCTION_MAX (64u << 10)     /* bytes before the place; of a longer function only these */
#define TAIL 64                      /* and behind it */
#define INSTRUCTIONS_MAX (16u << 20) /* some seconds */
#define LONGEST 15                   /* bytes of an instruction */

struct reader {
	struct tocsin_kernel *k;
	csh handle;
	cs_insn *insn;
	uint64_t function, at; /* where it stands, between two instructions */
	uint8_t *bytes;        /* of FUNCTION_MAX + TAIL, from start on */
	uint64_t start;
	size_t size;
	size_t budget; /* instructions that may still be read */
	bool ends;     /* the last instruction hands over for good */
	bool alien;    /* some bytes were no instruction that capstone knows */
};

/* Instructions after which the next is not executed. */
static bool hands_over(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_RET:
	case X86_INS_JMP:
	case X86_INS_LJMP:
	case X86_INS_UD2:
	case X86_INS_UD2B:
	case X86_INS_INT3:
	case X86_INS_HLT:
	case X86_INS_IRETQ:
	case X86_INS_SYSRET:
	case X86_INS_SYSEXIT:
		return true;
	default:
		return false;
	}
}

/* The bytes from start on, as many as there are, page by page; at most FUNCTION_MAX + TAIL. */
static size_t read_bytes(const struct reader *r, uint64_t start)
{
	size_t size = 0, room = FUNCTION_MAX + TAIL;

	if (!tocsin_kernel_read(r->k, start, r->bytes, room))
		return room;
	while (size < room) {
		size_t part = TOCSIN_PAGE_SIZE - (start + size) % TOCSIN_PAGE_SIZE;

		if (part > room - size)
			part = room - size;
		if (tocsin_kernel_read(r->k, start + size, r->bytes + size, part))
			break;
		size += part;
	}
	return size;
}

/*
 * Have the bytes up to t, from the beginning of its function or from where that one has been read
 * to already, so that nothing is read twice.
 */
static bool enter(struct reader *r, const struct tocsin_transfer *t)
{
	bool begun = r->function == t->function && r->size;
	uint64_t start = begun ? r->at : t->function;

	if (begun && (r->at > t->at || t->at + TAIL <= r->start + r->size))
		return true;
	if (t->at - start > FUNCTION_MAX) {
		start = t->at - FUNCTION_MAX;
		begun = false;
	}
	r->size = read_bytes(r, start);
	if (t->at + t->size > start + r->size)
		return false;
	if (!begun) {
		r->ends = true;
		r->alien = start != t->function;
	}
	r->function = t->function;
	r->start = r->at = start;
	return true;
}

/* Go on to the first instruction that begins at t or behind it. True: at t. */
static bool reach(struct reader *r, const struct tocsin_transfer *t)
{
	while (r->at < t->at && r->budget) {
		const uint8_t *code = r->bytes + (r->at - r->start);
		size_t left = r->size - (r->at - r->start);

		r->budget--;
		if (left > LONGEST)
			left = LONGEST;
		if (cs_disasm_iter(r->handle, &code, &left, &r->at, r->insn)) {
			r->ends = hands_over(r->insn);
		} else { /* x86 falls back into step within a few instructions */
			r->at++;
			r->ends = false;
			r->alien = true;
		}
	}
	return r->at == t->at;
}

static void state(const struct reader *r, const struct tocsin_code *code,
		  struct tocsin_findings *findings, const struct tocsin_transfer *t)
{
	bool breakpoint = t->kind == TOCSIN_TRANSFER_BREAKPOINT;
	struct tocsin_finding *f =
	    tocsin_scan_add(findings, breakpoint ? "kernel.breakpoint" : "kernel.patched-code");
	struct tocsin_code_place place, target;
	char where[104];

	if (!f)
		return;
	if (r->alien)
		f->certainty = TOCSIN_CERTAINTY_MEDIUM;
	f->start = t->at;
	f->end = t->at + t->size;
	tocsin_scan_take_code(r->k, f, t->at);
	tocsin_code_at(code, t->at, &place);
	tocsin_code_at(code, t->target, &target);
	snprintf(where, sizeof(where), "%.72s+%#" PRIx64, place.name, place.offset);
	if (breakpoint)
		snprintf(f->what, sizeof(f->what), "a breakpoint stands at %s", where);
	else
		snprintf(f->what, sizeof(f->what), "%s %s %#" PRIx64 " (%s %.80s)", where,
			 t->kind == TOCSIN_TRANSFER_CALL ? "calls" : "jumps to", t->target,
			 tocsin_code_kind_name(target.kind), target.name);
}

static int confirm(struct reader *r, const struct tocsin_code *code,
		   const struct tocsin_transfer_list *list, struct tocsin_findings *findings)
{
	if (!r->bytes || cs_open(CS_ARCH_X86, CS_MODE_64, &r->handle) != CS_ERR_OK)
		return -ENOMEM;
	r->insn = cs_malloc(r->handle);
	for (size_t i = 0; i < list->count && r->insn; i++) {
		const struct tocsin_transfer *t = &list->rows[i];

		if (!enter(r, t))
			tocsin_scan_unreadable(findings, "kernel", "a function cannot be read");
		/* What stands behind a jump fills room; what does so and is a jump may be a trap.
		 */
		else if (reach(r, t) && !(r->ends && t->kind == TOCSIN_TRANSFER_BREAKPOINT))
			state(r, code, findings, t);
	}
	findings->truncated |= !r->budget;
	if (r->insn)
		cs_free(r->insn, 1);
	cs_close(&r->handle);
	return r->insn ? 0 : -ENOMEM;
}

int tocsin_scan_text(struct tocsin_kernel *k, const struct tocsin_code *code,
		     struct tocsin_findings *findings, struct tocsin_error *err)
{
	struct reader r = {
	    .k = k, .bytes = malloc(FUNCTION_MAX + TAIL), .budget = INSTRUCTIONS_MAX};
	struct tocsin_transfer_list list = {0};
	char text[64];
	int rc = tocsin_transfer_list(k, code, &list, err);

	if (!rc && list.unreadable) {
		snprintf(text, sizeof(text), "%" PRIu64 " KiB of its text cannot be read",
			 list.unreadable / 1024);
		tocsin_scan_unreadable(findings, "kernel", text);
	}
	findings->truncated |= list.truncated;
	if (!rc)
		rc = confirm(&r, code, &list, findings);
	tocsin_transfer_list_free(&list);
	free(r.bytes);
	return rc;
}
