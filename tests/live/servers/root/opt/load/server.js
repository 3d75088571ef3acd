// SPDX-License-Identifier: GPL-2.0-or-later
// Enough of the same work for V8 to compile it.
const http = require("http");
function work(n) { let sum = 0; for (let i = 0; i < n; i++) sum = (sum * 31 + i) % 1000003; return sum; }
http.createServer((request, response) => response.end(String(work(200000)))).listen(3000, "127.0.0.1");
