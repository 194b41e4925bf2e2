#!/bin/busybox sh
# Process 1 of a guest: makes the usual file systems, plays the scene, sends what it left through the second serial port, and
# switches the machine off. With `sigil.shell` on the kernel's command line it gives a shell on the console instead.

/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /srv
mount -t tmpfs tmpfs /layers
mount -t cgroup2 cgroup2 /sys/fs/cgroup

read -r words </proc/cmdline
case " $words " in
*" sigil.shell "*)
  echo "scene: /bin/busybox sh /scene.sh sigil-scene; agent: /agent"
  setsid cttyhack sh
  poweroff -f
  ;;
esac

sh /scene.sh sigil-scene >/tmp/output 2>&1
stty -F /dev/ttyS1 raw
cd /tmp || exit
tar -cz facts endings truth.ndjson alerts.ndjson agent.log network output >/dev/ttyS1 2>/tmp/tar
cat /tmp/tar
poweroff -f
