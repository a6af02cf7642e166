# SPDX-License-Identifier: MPL-2.0
# check: host-side tests; lint: style and structure.
check: check-unit
