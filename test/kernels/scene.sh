# The scene that is played on every kernel: starts the agent, runs the witness in many ways, stops the agent. Sourced by init.sh in a
# guest and run in a chroot on the host, in a root that holds nothing but what stage.ts put there.
# Usage: scene.sh TOKEN, the beginning of every token of this run. Leaves in /tmp: alerts.ndjson, agent.log, truth.ndjson (what
# the witness said of itself), endings (name and status as its parent saw it) and facts (NAME=VALUE).

token=$1
witness=/bin/witness

fact() { echo "$1=$2" >>/tmp/facts; }

# act NAME COMMAND...: runs it and notes how it ended.
act() {
  name=$1
  shift
  "$@"
  echo "$name $?" >>/tmp/endings
}

# Waits until a file holds a text; SECONDS at most.
await() { # TEXT FILE SECONDS
  turns=$(($3 * 10))
  until grep -q "$1" "$2" 2>/dev/null; do
    turns=$((turns - 1))
    [ $turns -gt 0 ] || return 1
    sleep 0.1
  done
}

uptime() { cut -d' ' -f1 /proc/uptime; }

umask 022
: >/tmp/truth.ndjson
chmod 666 /tmp/truth.ndjson
fact kernel "$(uname -r)"

# Runs before the agent does: the inventory must know it.
$witness hold $token-elder /tmp/go &
elder=$!
await "$token-elder" /tmp/truth.ndjson 120

fact began "$(uptime)"
EDR__LOGGING__FORMAT=json /agent run --rules /rules --alerts /tmp/alerts.ndjson 2>/tmp/agent.log </dev/null &
agent=$!
await '"agent ready"' /tmp/agent.log 180 && fact ready "$(uptime)"

# Ways to start a program.
mkdir -p /srv/here
cp $witness /srv/here/witness
ln -s $witness /srv/here/linked
cp $witness /srv/here/doomed
act plain $witness run $token-plain
act relative sh -c 'cd /srv/here && exec ./witness "$@"' sh run $token-relative
act upward sh -c 'cd /srv/here && exec ../../bin/witness "$@"' sh run $token-upward
act link /srv/here/linked run $token-link
act memory $witness memory $token-memory.before $token-memory
act deleted $witness deleted $token-deleted.before $token-deleted /srv/here/doomed
act descriptor $witness descriptor $token-descriptor.before $token-descriptor
act loader /lib64/ld-linux-x86-64.so.2 /bin/witness-dynamic run $token-loader
act thread-exec $witness thread-exec $token-thread-exec.before $token-thread-exec
cat >/srv/here/script <<X
#!/bin/sh
# $token-script
exit 4
X
chmod 755 /srv/here/script
act script /srv/here/script $token-script
act orphan $witness orphan $token-orphan.before $token-orphan
act terminal $witness terminal $token-terminal.before $token-terminal </dev/null

# Much text.
long=0123456789abcdef
for _ in 1 2 3 4 5 6; do long=$long$long; done # 1 KiB
act long $witness run $token-long $long $long $long $long $long $long $long $long $long $long
act cut $witness run $token-cut $long $long $long $long $long $long $long $long $long $long $long $long $long $long $long $long $long $long $token-cut
deep=/srv/deep
for i in 1 2 3 4 5 6; do deep=$deep/a/b/c/d/e/f/g/h/i/j; done # 60 components below
mkdir -p $deep
cp $witness $deep/witness
act deep sh -c 'cd "$0" && exec ./witness "$@"' $deep run $token-deep

# Environment, users, set-uid.
act environment sh -c 'export LD_PRELOAD=/nowhere.so HISTFILE=/dev/null SECRET=hidden; exec "$@"' sh $witness run $token-environment
act user $witness as $token-user.before $token-user 1000
cp $witness /srv/here/rising
chmod 4755 /srv/here/rising
act rising $witness as $token-rising.before $token-rising 1000 /srv/here/rising

# A container by all that the kernel knows: control group, namespaces, an overlay with a file of the image and one dropped later.
if [ -f /overlay.ko ]; then insmod /overlay.ko; fi
group=/sys/fs/cgroup/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope
mkdir -p /layers/lower/bin /layers/lower/srv /layers/lower/proc /layers/lower/tmp /layers/upper /layers/work /layers/root "$group"
cp $witness /layers/lower/bin/witness
if mount -t overlay overlay -o lowerdir=/layers/lower,upperdir=/layers/upper,workdir=/layers/work /layers/root; then
  mount -o bind /tmp /layers/root/tmp
  cp $witness /layers/root/bin/dropped
  for program in witness dropped; do
    act contained-$program sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$group" \
      $witness contain $token-contained-$program.before $token-contained-$program /layers/root /bin/$program
  done
  umount /layers/root/tmp
  umount /layers/root
  fact overlay mounted
fi

# Ways to end: by code, by signal, thread by thread, all threads at once.
act code-0 $witness exit $token-code-0 0
act code-42 $witness exit $token-code-42 42
for signal in 6 9 11 15; do act signal-$signal $witness signal $token-signal-$signal $signal; done
for i in 1 2 3 4 5 6 7 8; do
  act threads-$i $witness threads $token-threads-$i 8 $((20 + i))
  act group-$i $witness group $token-group-$i 8 $((40 + i))
done

# What the inventory knew: a child of the one that was there before, and its end.
: >/tmp/go
wait $elder
echo "elder $?" >>/tmp/endings

act storm $witness storm $token-storm.before $token-storm 300

# Files: each kind of call once, as test/kernels/kernels.test.ts lists them.
d=/srv/files
mkdir -p $d/real /srv/jail
ln -s $d/real $d/way
f() { /bin/files "$@" || echo "file $* $?" >>/tmp/endings; }
f open_create $d/made
f openat_create $d at
f relative $d here
f append $d/made
f write_close $d/closed text
f chmod_ $d/made 0600
f fchmod_ $d/made 0640
f fchownat_ $d made
f truncate_ $d/made
f utimensat_ $d made
f setxattr_ $d/made
f link_ $d/made $d/linked
f symlink_ made $d/soft
f mkdir_ $d/way/directory
f mknod_ $d/pipe
f rename_ $d/made $d/way/moved
f renameat_ $d at $d moved-at
f unlink_ $d/linked
f unlinkat_ $d closed
f rmdir_ $d/real/directory
f in_chroot /srv/jail /srv-files-in-jail
f read_ /etc/shadow
f try_read /etc/shadow
f open_create $d/last
await "$d/last" /tmp/alerts.ndjson 120

# The network, in namespaces of its own: what the program says that it did goes to /tmp/network.
/bin/network scene >/tmp/network
fact network $?
/bin/network questions sigil-scene.test
fact questions $?

# Kernel operations: what the program says that it did goes to /tmp/operations.
o() { /bin/operate "$@" >>/tmp/operations || echo "operate $* $?" >>/tmp/endings; }
mkdir -p /srv/mnt /srv/ring
cp /bin/operate /srv/library.so
o setuid 1000
o capset
o ptrace
o vm
o memfd scene-memory
o executable
o library /srv/library.so
o library /bin/operate
o bpf /sys/fs/bpf/sigil-is-not-there
o mount /srv/mnt
o namespace
o calls scene-name
o uring /srv/ring
/bin/operate wait >/tmp/waiting &
waiting=$!
await pid= /tmp/waiting 120
o signal $waiting 9
o memfd scene-last
await scene-last /tmp/alerts.ndjson 120

# The agent judges in order: with this alert out, all is out.
act last $witness run $token-last
await "$token-last" /tmp/alerts.ndjson 120 && fact last seen
kill -TERM $agent
turns=400 # the contract grants 30 s
while [ $turns -gt 0 ] && kill -0 $agent 2>/dev/null; do
  turns=$((turns - 1))
  sleep 0.1
done
kill -KILL $agent 2>/dev/null
wait $agent
fact exit $?
rmdir "$group" "${group%/*}" 2>/dev/null
fact done "$(uptime)"
