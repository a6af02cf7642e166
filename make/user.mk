# SPDX-License-Identifier: MPL-2.0
# User-space programs: servers, system tests, benchmarks; static, against musl.
.PHONY: user
user:
