"""test/interop/phones.py - drives telephones that nobody here wrote, and listens to what they heard.

Each phone runs headless on loopback in a folder of its own under $SCRATCH, plays a tone or a WAV instead of a
microphone and records what its loudspeaker would have played. `need` names a program for tools/check-packages
and skips the whole script where it is absent.
"""
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

SCRATCH = pathlib.Path(os.environ.get("SCRATCH", "/tmp/tandem-interop"))
TANDEM = os.environ.get("TANDEM", "build/tandem")
failures = 0


def need(program):
    if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        print(f"skip {sys.argv[0]}: {program} is not installed")
        sys.exit(0)


def check(good, what, why=""):
    """One result line; remembers failures for finish()."""
    global failures
    print(("ok " if good else "not ok ") + what + (f": {why}" if why and not good else ""), flush=True)
    failures += not good
    return good


def finish():
    sys.exit(1 if failures else 0)


def wait_for(true, seconds, step=0.05):
    """Polls `true` until it answers something true, which is returned, or the time is over (None)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(step)
    return None


def free_port(kind=socket.SOCK_STREAM, count=1):
    """The first of `count` free ports in a row on loopback, outside the ephemeral range."""
    for base in range(21000 + os.getpid() % 500 * 16, 32000, 16):
        sockets = []
        try:
            for port in range(base, base + count):
                for type_ in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    s = socket.socket(socket.AF_INET, type_)
                    sockets.append(s)
                    s.bind(("127.0.0.1", port))
            if base not in _given:
                _given.update(range(base, base + count))
                return base
        except OSError:
            pass
        finally:
            for s in sockets:
                s.close()
    raise RuntimeError("no free ports")


_given = set()


class Process:
    """A child that is ended, whatever happens."""

    all = []

    def __init__(self, name, args, folder, stdin=subprocess.DEVNULL, env=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{name}.log"
        self.name = name
        self.process = subprocess.Popen([str(a) for a in args], stdin=stdin, stdout=open(self.log, "ab"),
                                        stderr=subprocess.STDOUT, cwd=self.folder, env=env)
        Process.all.append(self)

    def said(self, text):
        return text in self.log.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def stop(self, how=signal.SIGTERM, seconds=5):
        if self.alive():
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def stop_all():
    for process in reversed(Process.all):
        process.stop()


class Up(Process):
    """`tandem up` on loopback, in a folder that outlives it: .start() again is a second start."""

    def __init__(self, *more, folder=None):
        self.data = pathlib.Path(folder or SCRATCH / "up")
        self.more = more
        self.starts = 0
        self.ports = None
        self.start()

    def start(self):
        self.starts += 1
        ports = self.ports or [f"--{name}-port={free_port()}" for name in ("sip", "sips", "ws", "wss", "login", "node", "stun")]
        self.ports = ports
        super().__init__(f"up-{self.starts}", [TANDEM, "up", "--data", self.data, "--json", "--listen", "127.0.0.1", *ports,
                                               *self.more], self.data.parent)
        line = wait_for(lambda: [one for one in self.log.read_text(errors="replace").splitlines() if '"event":"ready"' in one], 15)
        if not line:
            raise SystemExit("not ok tandem up gets ready\n" + self.log.read_text(errors="replace")[-2000:])
        self.at = json.loads(line[0])

    def password(self, name):
        return (self.data / "passwords" / name).read_text().strip()

    def calls(self):
        """The call records, as `tandem calls --json` prints them: one object a line."""
        out = subprocess.run([TANDEM, "calls", "--data", self.data, "--json"], capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()]


class Phone(Process):
    """`tandem phone`, our own, with --json."""

    def __init__(self, name, *args, hz=500, seconds=4, folder=None):
        folder = pathlib.Path(folder or SCRATCH / f"phone-{name}")
        folder.mkdir(parents=True, exist_ok=True)
        self.record = folder / "ear.wav"
        mouth = write_tone(folder / "mouth.wav", hz)
        super().__init__("phone", [TANDEM, "phone", *args, "--play", mouth, "--record", self.record, "--duration", seconds, "--json"],
                         folder)

    def happened(self, event, seconds=8):
        return bool(wait_for(lambda: self.said(f'"event":"{event}"'), seconds))

    def wait(self, seconds=15):
        return bool(wait_for(lambda: not self.alive(), seconds))

    def heard(self):
        return self.record


class Baresip(Process):
    """baresip: plays `hz` as its microphone, records its ear; steered over its control socket. Its domain is the server's
    address: it finds names by DNS only, and there is none here."""

    def __init__(self, user, server, password="", hz=700, codec="pcma", transport="udp", folder=None, answer=True,
                 more_account="", more_config=""):
        need("baresip")
        folder = pathlib.Path(folder or SCRATCH / f"baresip-{user}")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(count=16)
        stereo = codec == "opus"  # baresip opens its source with the codec's channels
        tone = write_tone(folder / "mouth.wav", hz, channels=1 + stereo)
        codec = "opus/48000/2" if stereo else codec
        modules = "\n".join(f"module {m}.so" for m in ("g711", "opus", "aufile", "aubridge", "sndfile", "srtp", "dtls_srtp"))
        (folder / "config").write_text(f"""poll_method epoll
sip_listen 127.0.0.1:{self.port}
net_interface 127.0.0.1
audio_player aubridge,ear{user}
audio_source aufile,{tone}
audio_alert aubridge,alert{user}
ausrc_srate 48000
auplay_srate 48000
ausrc_format s16
auplay_format s16
audio_buffer 20-160
rtp_ports {self.port + 4}-{self.port + 12}
module_path /usr/lib/baresip/modules
{modules}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{self.port + 2}
snd_path {folder}
{more_config}
""")
        (folder / "accounts").write_text(
            f"<sip:{user}@{server};transport={transport}>;auth_user={user};auth_pass={password or 'none'};regint=600"
            f";answermode={'auto' if answer else 'manual'};audio_codecs={codec}{more_account}\n")
        (folder / "contacts").write_text("")
        self.control = None
        super().__init__("baresip", ["baresip", "-f", folder, "-v"], folder)

    def command(self, command, params=""):
        if not self.control:
            self.control = wait_for(self._connect, 5)
        text = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        self.control.sendall(b"%d:%s," % (len(text), text))

    def _connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.port + 2), 1)
        except OSError:
            return None

    def registered(self, seconds=5):
        return bool(wait_for(lambda: self.said("200 OK") or self.said("{0/UDP/v4}") or self.said("registered"), seconds))

    def dial(self, target):
        self.command("dial", target)

    def hang_up(self):
        self.command("hangup")

    def established(self, seconds=8):
        return bool(wait_for(lambda: self.said("Call established"), seconds))

    def heard(self):
        """The newest recording of the ear (dump-...-dec.wav)."""
        files = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda p: p.stat().st_mtime)
        return files[-1] if files else None


class Linphone(Process):
    """linphonec: plays a WAV, records one; steered by lines on its standard input."""

    def __init__(self, user, server, password="", play=None, codec="opus", transport="udp", folder=None, domain=None,
                 answer=True):
        need("linphonec")
        folder = pathlib.Path(folder or SCRATCH / f"linphone-{user}")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(count=16)
        self.record = folder / "ear.wav"
        (folder / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        domain = domain or server
        codecs = "".join(f"[audio_codec_{i}]\nmime={mime}\nrate={rate}\nchannels={channels}\nenabled={int(mime.lower() == codec)}\n"
                         for i, (mime, rate, channels) in enumerate((("opus", 48000, 2), ("PCMU", 8000, 1), ("PCMA", 8000, 1))))
        (folder / "linphonerc").write_text(f"""[sip]
sip_port={self.port if transport == 'udp' else 0}
sip_tcp_port={self.port if transport == 'tcp' else 0}
sip_tls_port={self.port if transport == 'tls' else 0}
guess_hostname=0
contact=sip:{user}@127.0.0.1:{self.port}
default_proxy=0
use_ipv6=0
verify_server_certs=0
verify_server_cn=0
[rtp]
audio_rtp_port={self.port + 4}
audio_jitt_comp=60
[sound]
playback_dev_id=ANULL: Null
ringer_dev_id=ANULL: Null
capture_dev_id=ANULL: Null
echocancellation=0
[net]
mtu=1300
firewall_policy=0
[misc]
store_friends=0
[video]
enabled=0
capture=0
display=0
{codecs}
[proxy_0]
reg_proxy=<sip:{server};transport={transport}>
reg_route=<sip:{server};transport={transport};lr>
reg_identity=sip:{user}@{domain}
reg_expires=600
reg_sendregister=1
publish=0
dial_escape_plus=0
[auth_info_0]
username={user}
passwd={password or 'none'}
realm={domain}
""")
        home = dict(os.environ, HOME=str(folder))
        super().__init__("linphone", ["linphonec", "-c", folder / "linphonerc"] + (["-a"] if answer else []), folder,
                         stdin=subprocess.PIPE, env=home)
        time.sleep(0.3)
        self.line("soundcard use files")
        if play:
            self.line(f"play {play}")
        self.line(f"record {self.record}")

    def line(self, text):
        self.process.stdin.write((text + "\n").encode())
        self.process.stdin.flush()

    def registered(self, seconds=8):
        def ask():
            self.line("status register")
            return self.said("registered, identity")
        return bool(wait_for(ask, seconds, 0.3))

    def dial(self, target):
        self.line(f"call {target}")

    def hang_up(self):
        self.line("terminate")

    def established(self, seconds=8):
        return bool(wait_for(lambda: self.said("connected") or self.said("answered"), seconds))

    def heard(self):
        return self.record if self.record.exists() else None

    def stop(self, how=signal.SIGTERM, seconds=5):
        if self.alive():
            try:
                self.line("quit")
                self.process.wait(4)
            except (OSError, subprocess.TimeoutExpired):
                pass
        return super().stop(how, seconds)


def write_tone(path, hz, seconds=30.0, rate=48000, gain=0.3, channels=1):
    """A sine as a 16-bit WAV."""
    need("sox")
    subprocess.run(["sox", "-n", "-r", str(rate), "-b", "16", "-c", str(channels), str(path), "synth", str(seconds), "sine", str(hz),
                    "vol", str(gain)], check=True)
    return path


def read_wav(path):
    """Mono samples as floats -1..1, and the rate. Reads what is there, also of a file whose writer was cut off."""
    data = pathlib.Path(path).read_bytes()
    rate = struct.unpack_from("<I", data, 24)[0]
    channels = struct.unpack_from("<H", data, 22)[0]
    at = data.find(b"data") + 8
    n = (len(data) - at) // 2
    samples = struct.unpack_from(f"<{n}h", data, at)
    return [s / 32768 for s in samples[::channels]], rate


def share_of(samples, rate, hz):
    """Which part (0..1) of the energy of these samples lies at `hz` (Goertzel, one bin)."""
    total = sum(s * s for s in samples)
    if total < 1e-9 * len(samples):
        return 0.0
    w = 2 * math.pi * hz / rate
    c, s1, s2 = 2 * math.cos(w), 0.0, 0.0
    for s in samples:
        s1, s2 = s + c * s1 - s2, s1
    power = s1 * s1 + s2 * s2 - c * s1 * s2
    return 2 * power / (len(samples) * total)


def tone_seconds(path, hz, share=0.6):
    """How many seconds of the recording are the tone: counted in windows of 100 ms."""
    if not path or not pathlib.Path(path).exists():
        return 0.0
    samples, rate = read_wav(path)
    window = rate // 10
    return sum(0.1 for at in range(0, len(samples) - window, window) if share_of(samples[at:at + window], rate, hz) > share)
