# SPDX-License-Identifier: MPL-2.0
name := posix
sources := syscall.c legacy.c legacy_job.c legacy_sysv.c memory.c mempolicy.c pkey.c memfd.c out_of_memory.c process_vm.c
sources += sysv_shm.c sysv_shm_calls.c sysv_shm_control.c sysv_shm_proc.c
sources += mqueue.c mqueue_calls.c mqueue_fs.c
sources += bpf.c seccomp.c seccomp_calls.c
sources += core.c core_file.c core_name.c core_notes.c
deps := abi lib arch sched mm object ipc vfs tty net dev block
tests := elf pid script signal_queue wait_status

# processes, signals, time
sources += elf.c exception.c exec.c exec_args.c exec_commit.c exec_cred.c exec_load.c exec_script.c exec_stack.c exit.c fork.c hooks.c
sources += ids.c init_process.c itimer.c job.c job_calls.c kill.c pid.c posix_timer.c process.c rlimit.c rseq.c rusage.c
sources += signal_calls.c signal_deliver.c signal_queue.c signal_send.c signal_stop.c signal_wait.c sleep.c system.c
sources += thread_object.c time.c user_account.c user_work.c vdso.c wait.c
sources += trace.c trace_access.c ptrace.c trace_registers.c trace_signals.c trace_stop.c trace_wait.c
sources += adjtime.c capability.c cred_calls.c kcmp.c prctl.c sched_calls.c ioprio.c

# waiting: poll, select, epoll, futexes and the objects made for them
sources += epoll.c eventfd.c futex.c futex_pi.c futex_robust.c pidfd.c poll.c select.c signalfd.c timerfd.c wait_time.c

# files
sources += file_path.c file_io.c file_open.c file_stat.c file_dir.c file_name.c file_attr.c file_fcntl.c file_sync.c
sources += async.c file_copy.c inotify.c mount.c xattr.c
sources += proc_sys.c proc_system.c sys_system.c sys_cpu.c proc_task.c proc_task_fs.c proc_task_io.c proc_task_maps.c proc_task_ns.c proc_task_status.c proc_tessera.c proc_jobs.c
