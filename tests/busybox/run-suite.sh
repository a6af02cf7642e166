#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Runs busybox's own test suite in the guest, as its `runtest` does, but each applet with a time limit of its own and
# the links made once. $1: the folder with busybox, .config and testsuite/. $2: seconds an applet may take.
# The rest: applets (default: all that the binary has and that have tests).
bindir=/tmp/suite/busybox tsdir=/tmp/suite/busybox/testsuite links=/tmp/suite/links
limit=$2
mkdir -p $links
cp -r "$1" /tmp/suite/busybox
shift 2
cd $tsdir || exit 1
implemented="busybox $(/bin/busybox --list)"
for applet in $implemented; do
    ln -s $bindir/busybox $links/$applet 2>/dev/null
done
OPTIONFLAGS=:$(sed -nr 's/^CONFIG_//p' $bindir/.config | sed 's/=.*//' | tr '\n' ':')
VERBOSE=
export OPTIONFLAGS VERBOSE bindir tsdir
export PATH=$links:$tsdir:$bindir:$PATH

old_style() { # APPLET: a folder of scripts, each a test
    for testcase in $tsdir/$1/*; do
        name=${testcase##*/}
        for feature in $(sed -ne 's/^# FEATURE: //p' $testcase); do
            if grep -q "^# $feature is not set$" $bindir/.config; then
                echo "UNTESTED: $name"
                continue 2
            fi
        done
        rm -rf .tmpdir.$1
        mkdir -p .tmpdir.$1
        if (cd .tmpdir.$1 && d=$tsdir timeout $limit sh -x -e $testcase >$name.stdout.txt 2>&1); then
            echo "PASS: $name"
        else
            echo "FAIL: $name"
        fi
        rm -rf .tmpdir.$1
    done
}

[ $# != 0 ] || set -- $implemented
for applet in "$@"; do
    [ -d $tsdir/$applet ] || [ -f $applet.tests ] || continue
    echo "## begin $applet"
    [ -d $tsdir/$applet ] && old_style $applet
    if [ -f $applet.tests ]; then
        timeout $limit ./$applet.tests 2>&1
        [ $? = 143 ] && echo "FAIL: $applet: did not end in $limit seconds"
    fi
    echo "## end $applet"
done </dev/null
echo "## done"
