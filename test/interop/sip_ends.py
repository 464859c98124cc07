"""test/interop/sip_ends.py - ends of SIP calls in a few lines each: one user agent on one socket, over any transport.

Not a phone: it says what the test tells it to and reads whole messages, so that a test can look at every header. For
what real phones do, see phones.py.
"""
import base64
import hashlib
import itertools
import os
import re
import select
import socket
import ssl
import subprocess
import time

SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
_numbers = itertools.count(1)


class Message:
    def __init__(self, text):
        self.text = text
        head, _, self.body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.first = lines[0]
        self.headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.append((name.strip().lower(), value.strip()))
        self.is_answer = self.first.startswith("SIP/2.0 ")
        self.status = int(self.first.split()[1]) if self.is_answer else 0
        self.method = self["cseq"].split()[1] if self.is_answer else self.first.split()[0]
        self.uri = "" if self.is_answer else self.first.split()[1]

    def all(self, name):
        """Every value, lists taken apart where a comma stands outside of <> and "". """
        return [v.strip() for n, value in self.headers if n == name for v in re.findall(r'(?:[^,<"]|<[^>]*>|"[^"]*")+', value)]

    def __getitem__(self, name):
        return next((value for n, value in self.headers if n == name), "")

    def uri_of(self, name):
        match = re.search(r"<([^>]*)>", self[name])
        return match.group(1) if match else self[name].split(";")[0]


class End:
    """One user on one socket. `at`: where the server listens, (host, port). `tls`: an ssl.SSLContext, else no certificate is
    looked at; `name`: what the certificate must bear then."""

    def __init__(self, user, transport, at, domain, tls=None, name=None, local_port=0):
        self.user, self.transport, self.at, self.domain = user, transport, at, domain
        self.bytes = b""
        self.registered = 0
        family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
        if transport == "udp":
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", local_port))
        else:
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.settimeout(5)
            self.socket.connect(at)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if transport in ("tls", "wss"):
            if not tls:
                tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                tls.check_hostname = False
                tls.verify_mode = ssl.CERT_NONE
            self.socket = tls.wrap_socket(self.socket, server_hostname=name or domain)
        if transport in ("ws", "wss"):
            self._open_ws()
        host, port = self.socket.getsockname()[:2]
        self.host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self):
        self.socket.close()

    # ---- the wire ----

    def _open_ws(self):
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET / HTTP/1.1\r\nHost: {self.domain}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.bytes:
            self.bytes += self.socket.recv(65536)
        answer, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        proof = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        assert answer.startswith(b"HTTP/1.1 101") and proof in answer, answer

    def send(self, text):
        data = text.encode()
        if self.transport == "udp":
            self.socket.sendto(data, self.at)
            return
        if self.transport in ("ws", "wss"):
            mask = os.urandom(4)
            n = len(data)
            head = bytes([0x82, 0x80 | n]) if n < 126 else bytes([0x82, 0x80 | 126]) + n.to_bytes(2, "big")
            data = head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data))
        self.socket.sendall(data)

    def _cut(self):
        """A whole message out of what has come, or None."""
        if self.transport in ("ws", "wss"):
            if len(self.bytes) < 4:
                return None
            n, at = self.bytes[1] & 127, 2
            if n == 126:
                n, at = int.from_bytes(self.bytes[2:4], "big"), 4
            if len(self.bytes) < at + n:
                return None
            kind, data, self.bytes = self.bytes[0] & 15, self.bytes[at:at + n], self.bytes[at + n:]
            return data if kind in (1, 2) else self._cut()
        self.bytes = self.bytes.lstrip(b"\r\n")
        head, end, rest = self.bytes.partition(b"\r\n\r\n")
        if not end:
            return None
        length = re.search(rb"\r\n(?:Content-Length|l) *: *(\d+)", head, re.I)
        n = len(head) + 4 + int(length.group(1) if length else 0)
        if len(self.bytes) < n:
            return None
        data, self.bytes = self.bytes[:n], self.bytes[n:]
        return data

    def recv(self, seconds=3):
        """The next message; None: nothing came, "" is the end of the connection."""
        until = time.monotonic() + seconds
        while True:
            data = self._cut() if self.transport != "udp" else None
            if data:
                return Message(data.decode())
            pending = self.transport in ("tls", "wss") and self.socket.pending()
            left = until - time.monotonic()
            if not pending and (left <= 0 or not select.select([self.socket], [], [], left)[0]):
                return None
            data = self.socket.recv(65536)
            if self.transport == "udp":
                return Message(data.decode())
            if not data:
                return ""
            self.bytes += data

    def wait(self, what, seconds=3):
        """Messages until one that is a `what`: a status, a class as "2xx", or a method. The rest is passed over."""
        until = time.monotonic() + seconds
        while (m := self.recv(max(0, until - time.monotonic()))):
            if what in (m.status, f"{m.status // 100}xx") if m.is_answer else m.method == what:
                return m
        raise AssertionError(f"{self.user} over {self.transport} waits for {what}, {'the connection ended' if m == '' else 'in vain'}")

    # ---- what is said ----

    @property
    def contact(self):
        if self.transport == "udp":
            return f"<sip:{self.user}@{self.host}>"
        if self.transport in ("ws", "wss"):
            return f"<sip:{self.user}@{self.user}.invalid;transport=ws>"
        return f"<sip:{self.user}@{self.host};transport={self.transport}>"

    def request(self, method, uri, to=None, call=None, cseq=None, from_=None, route=(), lines="", body="", via=""):
        n = next(_numbers)
        call = call or f"{self.user}-{n}-{os.getpid()}"
        routes = "".join(f"Route: {one}\r\n" for one in route)
        text = (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} {self.host};rport;branch=z9hG4bK{n}e{os.getpid()}{via}\r\n"
                f"Max-Forwards: 70\r\n{routes}From: {from_ or f'<sip:{self.user}@{self.domain}>;tag=t{self.user}'}\r\nTo: {to or f'<{uri}>'}\r\n"
                f"Call-ID: {call}\r\nCSeq: {cseq or n} {method}\r\nContact: {self.contact}\r\n{lines}"
                + (f"Content-Type: application/sdp\r\n" if body else "") + f"Content-Length: {len(body)}\r\n\r\n{body}")
        self.send(text)
        return Message(text)

    def answer(self, request, status, reason="OK", lines="", body=""):
        copied = "".join(f"{name.title()}: {value}\r\n" for name, value in request.headers
                         if name in ("via", "from", "call-id", "cseq", "record-route"))
        to = request["to"] + ("" if "tag=" in request["to"] or status == 100 else f";tag=t{self.user}")
        self.send(f"SIP/2.0 {status} {reason}\r\n{copied}To: {to}\r\nContact: {self.contact}\r\n{lines}"
                  + (f"Content-Type: application/sdp\r\n" if body else "") + f"Content-Length: {len(body)}\r\n\r\n{body}")

    def cancel(self, invite):
        """Of an INVITE that request() returned."""
        lines = [f"{name.title()}: {value}" for name, value in invite.headers if name in ("via", "from", "to", "call-id", "route")]
        self.send("\r\n".join([f"CANCEL {invite.uri} SIP/2.0", *lines, "Max-Forwards: 70", f"CSeq: {invite['cseq'].split()[0]} CANCEL",
                               "Content-Length: 0", "", ""]))

    def acknowledge(self, invite, final):
        """The ACK of a refusal, hop by hop."""
        lines = [f"{name.title()}: {value}" for name, value in invite.headers if name in ("via", "from", "call-id", "route")]
        self.send("\r\n".join([f"ACK {invite.uri} SIP/2.0", *lines, f"To: {final['to']}", "Max-Forwards: 70",
                               f"CSeq: {invite['cseq'].split()[0]} ACK", "Content-Length: 0", "", ""]))

    def register(self, uri=None):
        self.request("REGISTER", uri or f"sip:{self.domain}", to=f"<sip:{self.user}@{self.domain}>",
                     from_=f"<sip:{self.user}@{self.domain}>;tag=r", lines="Expires: 600\r\n")
        return self.wait("2xx")


class Call:
    """An established call between two ends, by INVITE, 180, 200 and ACK. Raises AssertionError where a step fails."""

    def __init__(self, caller, callee, uri=None, lines=""):
        self.caller, self.callee = caller, callee
        uri = uri or f"sip:{callee.user}@{callee.domain}"
        invite = caller.request("INVITE", uri, body=SDP, lines=lines)
        self.invite = callee.wait("INVITE")
        callee.answer(self.invite, 180, "Ringing")
        caller.wait(180)
        callee.answer(self.invite, 200, body=SDP)
        self.ok = caller.wait(200)
        self.id, self.cseq = invite["call-id"], int(invite["cseq"].split()[0])
        caller.request("ACK", self.ok.uri_of("contact"), to=self.ok["to"], call=self.id, cseq=self.cseq, from_=self.ok["from"],
                       route=self.ok.all("record-route")[::-1])
        self.ack = callee.wait("ACK")

    def by_caller(self, method, lines="", body=""):
        """A request in the dialog, and its 200."""
        self.cseq += 1
        self.caller.request(method, self.ok.uri_of("contact"), to=self.ok["to"], call=self.id, cseq=self.cseq, from_=self.ok["from"],
                            route=self.ok.all("record-route")[::-1], lines=lines, body=body)
        self.callee.answer(self.callee.wait(method), 200, body=body)
        return self.caller.wait(200)

    def by_callee(self, method, lines="", body=""):
        tag = self.ok["to"] if "tag=" in self.ok["to"] else ""
        self.callee.request(method, self.invite.uri_of("contact"), to=self.invite["from"], call=self.id, from_=tag,
                            route=self.invite.all("record-route"), lines=lines, body=body)
        self.caller.answer(self.caller.wait(method), 200, body=body)
        return self.callee.wait(200)


class Authority:
    """Signs certificates; `pem` is what to trust."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.pem = folder / "ca.pem"
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=a CA of a test",
                  "-keyout", "ca.key", "-out", "ca.pem")

    def _run(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=self.folder)

    def sign(self, name, *sans):
        """Certificate and key, in one file."""
        (self.folder / "ext").write_text(f"subjectAltName={','.join(sans)}\n")
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out",
                  f"{name}.csr")
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "10", "-extfile", "ext",
                  "-out", f"{name}.crt")
        out = self.folder / f"{name}.pem"
        out.write_text((self.folder / f"{name}.crt").read_text() + (self.folder / f"{name}.key").read_text())
        return out
