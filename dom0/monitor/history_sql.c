// SPDX-License-Identifier: GPL-2.0-or-later
/* The statements of a history; what the tables mean is in history_db.h. */
#include "monitor/history_db.h"

#define PROCESS_COLUMNS                                                                            \
	"guest, pid, start_time, ppid, parent_start_time, uid, euid, flags, comm, exe, cmdline, "  \
	"container, confidence"
#define SOCKET_COLUMNS                                                                             \
	"guest, number, seen, direction, sock, inode, family, type, protocol, owner, uid, netns, " \
	"interface, local, remote, local_port, remote_port, name, peer, port_id, groups"
#define READ_PROCESS                                                                               \
	"SELECT p.pid, p.start_time, p.ppid, p.parent_start_time, p.uid, p.euid, p.flags, "        \
	"c.bytes, e.bytes, l.bytes, n.bytes, p.confidence FROM process p "                         \
	"JOIN text c ON c.id = p.comm JOIN text e ON e.id = p.exe "                                \
	"JOIN text l ON l.id = p.cmdline JOIN text n ON n.id = p.container WHERE p.id = ?1"

static const char *const statements[S_COUNT] = {
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
    [S_TEXT_FIND] = "SELECT id, last FROM text WHERE bytes = ?1",
    [S_TEXT_ADD] = "INSERT INTO text (bytes, last) VALUES (?1, ?2)",
    [S_TEXT_LAST] = "UPDATE text SET last = ?2 WHERE id = ?1",
    [S_GUEST_FIND] = "SELECT id, last FROM guest WHERE name = ?1 AND boot = ?2",
    [S_GUEST_ADD] = "INSERT INTO guest (name, boot, last) VALUES (?1, ?2, ?3)",
    [S_GUEST_LAST] = "UPDATE guest SET last = ?2 WHERE id = ?1",
    [S_PROCESS_FIND] = "SELECT id, last FROM process WHERE guest = ?1 AND pid = ?2 "
		       "AND start_time = ?3 AND ppid = ?4 AND parent_start_time IS ?5 "
		       "AND uid = ?6 AND euid = ?7 AND flags = ?8 AND comm = ?9 AND exe = ?10 "
		       "AND cmdline = ?11 AND container = ?12 AND confidence = ?13",
    [S_PROCESS_ADD] = "INSERT INTO process (" PROCESS_COLUMNS ", last) VALUES "
		      "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [S_PROCESS_LAST] = "UPDATE process SET last = ?2 WHERE id = ?1",
    [S_SOCKET_FIND] = "SELECT id, last FROM socket WHERE guest = ?1 AND number = ?2 AND seen = ?3 "
		      "AND direction = ?4 AND sock = ?5 AND inode = ?6 AND family = ?7 "
		      "AND type = ?8 AND protocol = ?9 AND owner = ?10 AND uid = ?11 "
		      "AND netns = ?12 AND interface = ?13 AND local IS ?14 AND remote IS ?15 "
		      "AND local_port = ?16 AND remote_port = ?17 AND name IS ?18 AND peer = ?19 "
		      "AND port_id = ?20 AND groups = ?21",
    [S_SOCKET_ADD] = "INSERT INTO socket (" SOCKET_COLUMNS ", last) VALUES "
		     "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
		     "?17, ?18, ?19, ?20, ?21, ?22)",
    [S_SOCKET_LAST] = "UPDATE socket SET last = ?2 WHERE id = ?1",
    [S_EVENT_SEQUENCE] = "SELECT coalesce(max(seq) + 1, 0) FROM event WHERE time = ?1",
    [S_EVENT_ADD] = "INSERT INTO event (time, seq, ago, kind, initial, guest, process, other, "
		    "socket, fd, detail, state, receive_queue, send_queue, sent, received, idle, "
		    "confidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
		    "?14, ?15, ?16, ?17, ?18)",
    [S_FINDING_ADD] = "INSERT INTO finding (time, seq, scanner, rule, severity, certainty, "
		      "technique, first, beyond, evidence, code, what, why) VALUES "
		      "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [S_ACCOUNT_ADD] = "INSERT INTO account (time, seq, samples, failed, period, longest, cost, "
		      "processes, sockets, started, forks, connected, opens, strangers, torn) "
		      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [S_FIRST_TIME] = "SELECT time FROM event ORDER BY time, seq LIMIT 1",
    [S_NTH_TIME] = "SELECT time FROM event ORDER BY time, seq LIMIT 1 OFFSET ?1",
    [S_EVENT_DELETE] = "DELETE FROM event WHERE time < ?1",
    [S_FINDING_DELETE] = "DELETE FROM finding WHERE time < ?1",
    [S_ACCOUNT_DELETE] = "DELETE FROM account WHERE time < ?1",
    [S_PROCESS_DELETE] = "DELETE FROM process WHERE last < ?1",
    [S_SOCKET_DELETE] = "DELETE FROM socket WHERE last < ?1",
    [S_GUEST_DELETE] = "DELETE FROM guest WHERE last < ?1",
    [S_TEXT_DELETE] = "DELETE FROM text WHERE last < ?1",
    [S_PAGES] = "PRAGMA page_count",
    [S_FREE_PAGES] = "PRAGMA freelist_count",
    [S_PAGE_SIZE] = "PRAGMA page_size",
    [S_SNAPSHOT] = "BEGIN",
    [S_GUEST] = "SELECT t.bytes, g.boot FROM guest g JOIN text t ON t.id = g.name WHERE g.id = ?1",
    [S_PROCESS] = READ_PROCESS,
    [S_OTHER] = READ_PROCESS,
    [S_SOCKET] = "SELECT " SOCKET_COLUMNS " FROM socket WHERE id = ?1",
    [S_FINDING] = "SELECT scanner, rule, severity, certainty, technique, first, beyond, evidence, "
		  "code, what, why FROM finding WHERE time = ?1 AND seq = ?2",
    [S_ACCOUNT] = "SELECT samples, failed, period, longest, cost, processes, sockets, started, "
		  "forks, connected, opens, strangers, torn FROM account "
		  "WHERE time = ?1 AND seq = ?2",
    [S_EXTENT] = "SELECT (SELECT min(time) FROM event), (SELECT max(time) FROM event), "
		 "(SELECT count(*) FROM event), (SELECT count(*) FROM process), "
		 "(SELECT count(*) FROM socket)",
};

const char *tocsin_history_sql(enum history_statement s)
{
	return statements[s];
}
