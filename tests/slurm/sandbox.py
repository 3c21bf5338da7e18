"""A real Slurm of one node: slurmctld and slurmd on loopback, without systemd, cgroups, munge or a
database. It starts in a second and takes part in nothing else on the machine."""

import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import time

CPUS = 8           # claimed, whatever the machine has, so that tasks run side by side
MOST_IDS = 26      # of an array: small, so that arrays are split
PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client",
            "squeue": "slurm-client", "scontrol": "slurm-client", "scancel": "slurm-client"}

# Signals before a time limit, requeues (cred_expire) and kills (KillWait) need not wait for minutes.
CONFIGURATION = """\
ClusterName=sandbox
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
ReturnToService=2
KillWait=5
OverTimeLimit=0
MaxArraySize={most_ids}
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=01:00:00 State=UP
"""


class NoSlurm(Exception):
    """Why a Slurm cannot be had here."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Slurm:
    def __init__(self, folder):
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        for name, package in PACKAGES.items():
            if not shutil.which(name, path=path):
                raise NoSlurm(f"{name} is missing: install the package {package}")
        self.folder = pathlib.Path(folder)
        self.variables = {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}
        self.daemons = []
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        for name in ["state", "spool"]:
            (self.folder / name).mkdir()
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], user=getpass.getuser(), folder=self.folder,
            controller_port=controller_port, node_port=node_port, cpus=CPUS, most_ids=MOST_IDS))
        # Nothing asks for a cgroup; left to itself slurmd needs their file system mounted.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        for command in [["slurmctld", "-D", "-i", "-c"], ["slurmd", "-D"]]:
            with open(self.folder / f"{command[0]}.out", "w") as out:
                self.daemons.append(subprocess.Popen(
                    command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                    env={**os.environ, **self.variables}))
        end = time.monotonic() + 30
        while self.run("sinfo", "--noheader", "--format=%T", check=False) != "idle":
            if time.monotonic() > end or any(daemon.poll() is not None for daemon in self.daemons):
                said = "".join(path.read_text()[-500:] for path in self.folder.glob("*.out"))
                raise NoSlurm(f"slurmctld and slurmd do not run as user {getpass.getuser()} "
                              f"(root, or a user who may, is due): {said}")
            time.sleep(0.1)

    def cancel_all(self):
        self.run("scancel", "--full", f"--user={getpass.getuser()}", check=False)

    def stop(self):
        if len(self.daemons) == 2:
            self.cancel_all()
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def run(self, *command, check=True):
        ended = subprocess.run([*map(str, command)], env={**os.environ, **self.variables}, text=True,
                               capture_output=True, check=False, timeout=60)
        assert ended.returncode == 0 or not check, (command, ended.stderr)
        return ended.stdout.strip()

    def queue(self):
        """Jobs that wait or run, each task by itself: "12_3 RUNNING"."""
        return self.run("squeue", "--noheader", "--array", "--format=%i %T").splitlines()

    def jobs(self, job):
        """What Slurm knows of a job and each task that began, by task (None: no array)."""
        found = {}
        for line in self.run("scontrol", "--oneliner", "show", "job", job).splitlines():
            one = dict(word.split("=", 1) for word in line.split() if "=" in word)
            task = one.get("ArrayTaskId")
            if not task or task.isdigit():  # those to come are one: 2-7
                found[int(task) if task else None] = one
        return found

    def all_jobs(self):
        return self.run("scontrol", "--oneliner", "show", "jobs").count("JobId=")

    def wait(self, seconds=90):
        """Until nothing waits or runs."""
        wait_until(lambda: not self.queue(), seconds)


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
