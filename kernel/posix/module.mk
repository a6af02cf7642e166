# SPDX-License-Identifier: MPL-2.0
name := posix
deps := abi lib arch sched mm object ipc vfs tty net dev block
tests := elf pid script signal_queue wait_status

# what calls arrive at, and what belongs to no room
sources := hooks.c syscall.c system.c

# processes, jobs, credentials and limits
sources += process/capability.c process/cred_calls.c process/exit.c process/fork.c process/helper.c process/ids.c process/init_process.c
sources += process/ioprio.c process/job.c process/job_calls.c process/kcmp.c process/pid.c process/prctl.c
sources += process/process.c process/rlimit.c process/rseq.c process/rusage.c process/sched_calls.c
sources += process/thread_object.c process/user_account.c process/user_dispatch.c process/wait.c

# programs and their start
sources += exec/elf.c exec/exec.c exec/exec_args.c exec/exec_commit.c exec/exec_cred.c exec/exec_load.c
sources += exec/exec_script.c exec/exec_stack.c exec/vdso.c

# signals and exceptions
sources += signal/exception.c signal/kill.c signal/signal_calls.c signal/signal_deliver.c signal/signal_queue.c
sources += signal/signal_send.c signal/signal_stop.c signal/signal_wait.c signal/user_work.c

# ptrace
sources += trace/process_vm.c trace/ptrace.c trace/trace.c trace/trace_access.c trace/trace_registers.c
sources += trace/trace_signals.c trace/trace_stop.c trace/trace_wait.c

# core files
sources += core/core.c core/core_file.c core/core_helper.c core/core_name.c core/core_notes.c core/core_settings.c

# filters of system calls
sources += seccomp/bpf.c seccomp/seccomp.c seccomp/seccomp_calls.c seccomp/seccomp_listener.c

# mappings, and memory that is out
sources += memory/memfd.c memory/memory.c memory/mempolicy.c memory/out_of_memory.c memory/pkey.c

# files and paths
sources += file/aio.c file/async.c file/file_attr.c file/file_copy.c file/file_dir.c file/file_fcntl.c file/file_io.c
sources += file/file_name.c file/file_open.c file/file_path.c file/file_stat.c file/file_sync.c file/inotify.c
sources += file/mount.c file/xattr.c

# poll, select, epoll and the descriptors made for them
sources += ready/epoll.c ready/eventfd.c ready/pidfd.c ready/poll.c ready/select.c ready/signalfd.c ready/timerfd.c
sources += ready/wait_time.c

# futexes
sources += futex/futex.c futex/futex_pi.c futex/futex_robust.c

# clocks and timers
sources += time/adjtime.c time/itimer.c time/posix_timer.c time/sleep.c time/time.c

# /proc, /sys
sources += proc/proc_jobs.c proc/proc_sys.c proc/proc_system.c proc/proc_task.c proc/proc_task_fs.c proc/proc_task_io.c
sources += proc/proc_task_maps.c proc/proc_task_ns.c proc/proc_task_pagemap.c proc/proc_task_status.c proc/proc_tessera.c
sources += proc/sys_cache.c proc/sys_cpu.c proc/sys_dmi.c proc/sys_system.c

# System V shared memory
sources += sysv/sysv_shm.c sysv/sysv_shm_calls.c sysv/sysv_shm_control.c sysv/sysv_shm_proc.c

# keys and keyrings
sources += keys/key.c keys/key_calls.c keys/key_control.c keys/key_lookup.c keys/key_proc.c keys/keyring.c

# POSIX message queues
sources += mqueue/mqueue.c mqueue/mqueue_calls.c mqueue/mqueue_fs.c

# calls that posixd answers
sources += legacy/legacy.c legacy/legacy_job.c legacy/legacy_sysv.c
