// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/trace_call.h"
#include "trace/functions.h"

_Static_assert(TRACE_ARGUMENTS == TOCSIN_TRACE_ARGUMENTS, "what is seen is printed");

static void name_arguments(struct tocsin_trace_call_line *c, const struct tocsin_traced *f,
			   const struct tocsin_traced_call *call, const struct trace_seen *seen)
{
	const uint64_t values[TOCSIN_TRACE_ARGUMENTS] = {call->rdi, call->rsi, call->rdx};
	unsigned int known = call->wide ? TOCSIN_TRACE_ARGUMENTS : 1;
	unsigned int has = f->function.typed ? f->function.count : known;

	c->argument_count = has < known ? has : known;
	for (unsigned int i = 0; i < c->argument_count; i++) {
		const struct tocsin_parameter *p = &f->function.parameters[i];

		c->arguments[i].value = values[i];
		if (!f->function.typed)
			continue;
		c->arguments[i].name = p->name;
		c->arguments[i].size = p->size;
		c->arguments[i].pointer = p->pointer;
		c->arguments[i].is_signed = p->is_signed;
		if (seen->has[i])
			c->arguments[i].object = &seen->objects[i];
	}
}

int trace_call_print(FILE *to, const struct tocsin_trace_line *line, const struct tocsin_traced *f,
		     const struct tocsin_traced_call *call, const struct trace_seen *seen)
{
	struct tocsin_trace_call_line c = {.vcpu = call->vcpu,
					   .seq = call->seq,
					   .cut = call->cut,
					   .function = f->name,
					   .event = tocsin_trace_function_event(f->name),
					   .found = tocsin_who_name(seen->who.found),
					   .pid = seen->who.pid,
					   .tid = seen->who.tid,
					   .uid = seen->who.uid,
					   .start_time = seen->who.start_time,
					   .comm = seen->who.comm,
					   .after = seen->after};

	name_arguments(&c, f, call, seen);
	return tocsin_trace_call_json(to, line, &c);
}
