/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of tocsind say to each other, over SOCK_SEQPACKET. To and from workers, and to
 * the writer, a packet has as many messages as there were to say (struct tocsin_packet), since
 * waking a process costs more than most of what it is told; to and from all others, one.
 *
 * A worker reads hostile guests, so its messages are hostile to the broker, and the reports made of
 * them to the writer: reading one checks every length, number and name, and either gives a whole
 * struct of which each member is in its range, or -EBADMSG. All numbers are little-endian; text has
 * its length before it. Findings that do not fit into a message are counted as dropped.
 */
#ifndef TOCSIN_MESSAGE_H
#define TOCSIN_MESSAGE_H

#include "dispatch/job.h"
#include "dispatch/packet.h"

enum tocsin_message {
	TOCSIN_MSG_READY = 1, /* worker: it has its guest, and no privilege. Text: "", or why not */
	TOCSIN_MSG_JOB,       /* broker to worker */
	TOCSIN_MSG_RESULT,    /* worker: what the job came to; in the order of the jobs */
	TOCSIN_MSG_ANSWER,    /* broker: the outcome's answer, signed, to be written */
	TOCSIN_MSG_WRITTEN,   /* worker: whether it was */
	TOCSIN_MSG_KEPT,   /* worker: its file of the kernel is whole, to be kept under this name */
	TOCSIN_MSG_REPORT, /* broker to writer */
	TOCSIN_MSG_LOGGED, /* writer: all up to this report is in the log; error: it waits for it */
	TOCSIN_MSG_START, /* broker to supervisor: a worker, or a writer, at the end passed along */
	TOCSIN_MSG_STARTED,   /* supervisor: here is its pidfd */
	TOCSIN_MSG_LISTENING, /* broker: it is there */
	TOCSIN_MSG_RELOAD,    /* broker: compile the rules again */
	TOCSIN_MSG_DONE,      /* errand: it has come to its end, well or not */
	TOCSIN_MSG_RELOADED,  /* supervisor: workers that start from now on have the new rules */
	TOCSIN_MSG_HUNG,      /* worker: it has made no progress, and ends (pulse.h) */
	TOCSIN_MSG_KINDS
};

struct tocsin_msg_job {
	uint64_t id;
	bool give_up;
	uint32_t without; /* scanners that the guest's policy leaves out */
	struct tocsin_record record;
};

struct tocsin_msg_answer {
	uint64_t id;
	struct tocsin_answer answer;
};

/* READY, KEPT, DONE, HUNG, and WRITTEN: of which text says why not; "" is success. LOGGED: id is
 * the report's number, and error a positive errno value or 0. */
struct tocsin_msg_note {
	uint64_t id;
	uint32_t error;
	char text[TOCSIN_REASON_SIZE];
};

/* What a process is to do that is started for one task (errand.h). */
enum tocsin_errand_kind {
	TOCSIN_ERRAND_NONE, /* it is a worker, or a writer */
	TOCSIN_ERRAND_SWEEP,
	TOCSIN_ERRAND_DUMP,
	TOCSIN_ERRAND_KINDS
};

/* START, STARTED. */
struct tocsin_msg_start {
	uint32_t domid;  /* of a worker's guest; TOCSIN_START_WRITER */
	uint32_t pid;    /* STARTED: 0 if it could not be */
	uint64_t number; /* which START this STARTED belongs to */
	uint8_t uuid[16];
	/* of an errand */
	enum tocsin_errand_kind errand;
	uint64_t id;
	uint32_t without;    /* SWEEP: scanners that are left out */
	uint32_t process;    /* DUMP: its PID */
	uint64_t start_time; /* and when it began */
};
#define TOCSIN_START_WRITER UINT32_MAX

/* REPORT: the outcome follows, if kind is VERDICT or ERROR and it has one. */
struct tocsin_msg_report {
	uint64_t number; /* counts the reports */
	enum tocsin_report_kind kind;
	uint64_t time, tsc, lost;
	uint16_t cpu;
	struct tocsin_record record;
	char domain[64];
	uint8_t uuid[16];
	bool answered, has_outcome;
	bool swept;      /* of a scan of the whole guest: nobody rang */
	uint8_t actions; /* bits of enum tocsin_action: LOG, NOTIFY */
	char slot_error[TOCSIN_REASON_SIZE];
	char reason[TOCSIN_REASON_SIZE]; /* LOSS, or an ERROR without outcome */
};

/* ---- writing: into a buffer of TOCSIN_MESSAGE_MAX bytes; returns the size ---- */

size_t tocsin_msg_put_job(uint8_t *to, const struct tocsin_msg_job *m);
size_t tocsin_msg_put_result(uint8_t *to, uint64_t id, const struct tocsin_outcome *o);
size_t tocsin_msg_put_answer(uint8_t *to, const struct tocsin_msg_answer *m);
size_t tocsin_msg_put_note(uint8_t *to, enum tocsin_message kind, const struct tocsin_msg_note *m);
size_t tocsin_msg_put_start(uint8_t *to, enum tocsin_message kind,
			    const struct tocsin_msg_start *m);
/* outcome: the bytes of a RESULT that was read successfully, as they came, or NULL. */
size_t tocsin_msg_put_report(uint8_t *to, const struct tocsin_msg_report *m, const uint8_t *outcome,
			     size_t size);

/* ---- reading: 0, or -EBADMSG. ret is not to be used then ---- */

/* The kind of a message, or -EBADMSG. */
int tocsin_msg_kind(const uint8_t *bytes, size_t size);
int tocsin_msg_get_job(const uint8_t *bytes, size_t size, struct tocsin_msg_job *ret);
/* outcome, outcome_size: where it lies in the bytes, for tocsin_msg_put_report. */
int tocsin_msg_get_result(const uint8_t *bytes, size_t size, uint64_t *id,
			  struct tocsin_outcome *ret, size_t *outcome_at);
int tocsin_msg_get_answer(const uint8_t *bytes, size_t size, struct tocsin_msg_answer *ret);
int tocsin_msg_get_note(const uint8_t *bytes, size_t size, struct tocsin_msg_note *ret);
int tocsin_msg_get_start(const uint8_t *bytes, size_t size, struct tocsin_msg_start *ret);
/* outcome is filled if ret->has_outcome. */
int tocsin_msg_get_report(const uint8_t *bytes, size_t size, struct tocsin_msg_report *ret,
			  struct tocsin_outcome *outcome);

#endif
