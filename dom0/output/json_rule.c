// SPDX-License-Identifier: GPL-2.0-or-later
/* What is known of a rule, one JSON object; docs/schema.md names every member. */
#include "output/build.h"
#include "output/rule.h"

int tocsin_output_rule_json(FILE *to, const struct tocsin_watch_rule_info *rule)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "kind", "rule");
	put_text(b, "name", rule->name);
	put_bool(b, "enabled", rule->enabled);
	put_bool(b, "idle", rule->idle);
	put_text(b, "severity", tocsin_severity_name(rule->severity));
	put_text(b, "confidence", tocsin_certainty_name(rule->certainty));
	put_text(b, "technique", rule->technique);
	put_text(b, "sentence", rule->sentence);
	put_text(b, "why", rule->why);
	put_u64(b, "exceptions", rule->exceptions);
	put_text(b, "file", rule->file);
	put_u64(b, "line", rule->line);
	return write_line(to, b);
}
