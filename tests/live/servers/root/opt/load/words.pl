# SPDX-License-Identifier: GPL-2.0-or-later
# Regular expressions and hashes, without end.
my %count;
while (1) {
	for my $i (1 .. 20000) { my $word = "word$i"; $count{$1}++ if $word =~ /(\d\d)$/; }
	%count = ();
	select(undef, undef, undef, 0.5);
}
