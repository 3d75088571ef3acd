// SPDX-License-Identifier: GPL-2.0-or-later
// Harmless markers, for trying out the whole way from a ring to a verdict.

rule tocsin_test_malicious
{
	meta:
		severity = "critical"
		why = "This is the harmless string that stands for malware in a trial"
	strings:
		$marker = "TOCSIN-TRIAL-STRING!THIS-STANDS-FOR-MALWARE!8d1f6c" ascii
	condition:
		$marker
}

rule tocsin_test_suspicious
{
	meta:
		severity = "high"
		why = "This is the harmless string that stands for something doubtful in a trial"
	strings:
		$marker = "TOCSIN-TRIAL-STRING!THIS-STANDS-FOR-DOUBT!52ab09" ascii
	condition:
		$marker
}
