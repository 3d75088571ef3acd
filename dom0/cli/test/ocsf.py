# SPDX-License-Identifier: GPL-2.0-or-later
"""
What OCSF 1.5.0 requires of the classes and objects that Tocsin writes (https://schema.ocsf.io/1.5.0):
members that must be there, of some at least one, and for classes all that may be.
"""
BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
MAY = BASE | {"activity_name", "category_name", "class_name", "type_name", "severity", "count", "duration",
              "start_time", "end_time", "message", "status", "status_id", "unmapped", "device", "actor"}
SYSTEM = {"actor", "device"}
# uid: its name, numbers of activities, what it requires, what else it may have
CLASSES = {
    1001: ("File System Activity", range(0, 15), SYSTEM | {"file"}, {"file_result"}),
    1002: ("Kernel Extension Activity", range(0, 3), SYSTEM | {"driver"}, set()),
    1005: ("Module Activity", range(0, 4), SYSTEM | {"module"}, set()),
    1007: ("Process Activity", range(0, 6), SYSTEM | {"process"}, set()),
    2004: ("Detection Finding", range(0, 4), {"finding_info"},
           {"evidences", "is_alert", "confidence", "confidence_id"}),
    4001: ("Network Activity", range(0, 8), set(),
           {"src_endpoint", "dst_endpoint", "connection_info", "traffic"}),
}
OBJECTS = {
    "actor": ((), ("process", "user", "app_name")), "analytic": (("type_id",), ("name", "uid")),
    "connection_info": (("direction_id",), ()), "container": ((), ("uid", "name")),
    "device": (("type_id",), ("hostname", "uid", "name", "ip")), "driver": (("file",), ()),
    "dst_endpoint": ((), ("ip", "hostname", "uid", "name")), "file": (("name", "type_id"), ()),
    "file_result": (("name", "type_id"), ()), "finding_info": (("uid", "title"), ()),
    "metadata": (("product", "version"), ()), "module": (("load_type_id",), ()),
    "parent_process": ((), ("pid", "uid")), "process": ((), ("pid", "uid")),
    "product": (("vendor_name", "name"), ()), "src_endpoint": ((), ("ip", "hostname", "uid", "name")),
    "traffic": ((), ("bytes", "bytes_in", "bytes_out", "packets")), "user": ((), ("uid", "name")),
}
NUMBERS = ("_id", "_time", "pid", "port", "bytes", "count")


def wrong_in(name, value, path):
    """What is wrong with a member and what is in it."""
    here = f"{path}.{name}"
    if isinstance(value, list):
        return [w for one in value for w in wrong_in(name, one, path)]
    if not isinstance(value, dict):
        is_number = name.endswith(NUMBERS) and not name.endswith("uid")
        if is_number and not (isinstance(value, int) and value >= 0):
            return [f"{here} is no number: {value!r}"]
        return [f"{here} is empty"] if value == "" else []
    must, one_of = OBJECTS.get(name, ((), ()))
    wrong = [f"{here} has no {key}" for key in must if key not in value]
    if one_of and not any(key in value for key in one_of):
        wrong.append(f"{here} has none of {', '.join(one_of)}")
    if name == "unmapped":
        return wrong
    return wrong + [w for key, inner in value.items() for w in wrong_in(key, inner, here)]


def wrong_with(event):
    """All that is wrong with an event; an empty list: nothing."""
    if event.get("class_uid") not in CLASSES:
        return [f"no class: {event.get('class_uid')}"]
    name, activities, must, may = CLASSES[event["class_uid"]]
    wrong = [f"{name} has no {key}" for key in (BASE | must) - set(event)]
    wrong += [f"{name} knows no {key}" for key in set(event) - must - may - MAY]
    if event["activity_id"] not in activities and event["activity_id"] != 99:
        wrong.append(f"{name}: no activity is {event['activity_id']}")
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        wrong.append(f"type_uid {event['type_uid']}")
    if event["class_uid"] == 4001 and not {"src_endpoint", "dst_endpoint"} & set(event):
        wrong.append(f"{name} has no end")
    if (event["category_uid"], event.get("class_name")) != (event["class_uid"] // 1000, name):
        wrong.append(f"category {event['category_uid']}, class {event.get('class_name')}")
    return wrong + [w for key, value in event.items() for w in wrong_in(key, value, name)]
