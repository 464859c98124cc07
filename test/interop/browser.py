"""test/interop/browser.py - a headless Chromium with a page of ours, steered by chromedriver (the WebDriver protocol).

bundle() makes one script for a page out of an npm package as it is published (CommonJS): each file becomes a function, and
`require` finds it by its path, as a bundler would.
"""
import functools
import http.server
import json
import re
import threading
import urllib.request

from phones import *

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--use-fake-device-for-media-stream",
         "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage"]


def npm_install(package):
    """The package and what it needs, in $SCRATCH/npm; skips the script where npm or the registry is not there."""
    if not shutil.which("npm"):
        print(f"skip {sys.argv[0]}: npm is not installed")
        sys.exit(0)
    folder = SCRATCH / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, package],
                              capture_output=True, text=True, cwd=folder, timeout=30)
        why = done.stderr.strip()[-200:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        why = "no answer in 30 s"
    if why:
        print(f"skip {sys.argv[0]}: npm install {package}: {why}")
        sys.exit(0)
    return folder / "node_modules"


def _main_of(folder):
    package = json.loads((folder / "package.json").read_text())
    browser = package.get("browser")
    main = folder / (browser if isinstance(browser, str) else package.get("main", "index.js"))
    return next(p for p in (main, main.with_name(main.name + ".js"), main / "index.js") if p.is_file())


def bundle(modules, package, name):
    """A script that puts the package into window.NAME."""
    found = {}

    def resolve(base, wanted):
        if not wanted.startswith("."):
            return _main_of(modules / wanted)
        path = (base.parent / wanted).resolve()
        return next(p for p in (path, path.with_name(path.name + ".js"), path / "index.js") if p.is_file())

    def add(path):
        key = str(path)
        if key in found:
            return key
        found[key] = ""
        text = path.read_text()
        names = {}
        if path.suffix == ".json":
            text = "module.exports = " + text
        else:
            for wanted in re.findall(r"""\brequire\(['"]([^'"]+)['"]\)""", text):
                names[wanted] = add(resolve(path, wanted))
        found[key] = f"[{json.dumps(names)}, function (require, module, exports) {{\n{text}\n}}]"
        return key

    first = add(_main_of(modules / package))
    table = ",\n".join(f"{json.dumps(key)}: {value}" for key, value in found.items())
    return f"""(() => {{
const files = {{{table}}}, made = {{}};
const load = key => {{
    if (!made[key]) {{
        made[key] = {{ exports: {{}} }};
        files[key][1](name => load(files[key][0][name]), made[key], made[key].exports);
    }}
    return made[key].exports;
}};
window.process = window.process || {{ env: {{}} }};
window.{name} = load({json.dumps(first)});
}})();
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Browser(Process):
    """Chromium on a page made of `scripts`, served on loopback (a secure context, so that it gets its microphone)."""

    def __init__(self, *scripts, folder=None):
        need("chromium")
        need("chromedriver")
        folder = pathlib.Path(folder or SCRATCH / "browser")
        (folder / "page").mkdir(parents=True, exist_ok=True)
        tags = ""
        for i, script in enumerate(scripts):
            (folder / "page" / f"{i}.js").write_text(script)
            tags += f'<script src="{i}.js"></script>'
        (folder / "page" / "index.html").write_text(f"<!DOCTYPE html><meta charset=utf-8><title>phone</title>{tags}")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      functools.partial(_Quiet, directory=str(folder / "page")))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = free_port()
        self.session = None
        super().__init__("chromedriver", ["chromedriver", f"--port={self.port}"], folder)
        if not wait_for(self._ready, 10):
            raise SystemExit("not ok chromedriver gets ready")
        options = {"binary": shutil.which("chromium"), "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"]}
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}}, 25)
        self.session = answer["sessionId"]
        self._ask("POST", f"/session/{self.session}/url", {"url": f"http://127.0.0.1:{self.server.server_address[1]}/"})

    def _ask(self, method, path, body=None, seconds=15):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(e.read().decode(errors="replace")[:500]) from None

    def _ready(self):
        try:
            return self._ask("GET", "/status", seconds=1)["ready"]
        except OSError:
            return False

    def run(self, script, *args):
        """Runs a function body in the page and returns what it returns."""
        return self._ask("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": list(args)})

    def console(self):
        return [entry["message"] for entry in self._ask("POST", f"/session/{self.session}/se/log", {"type": "browser"})]

    def stop(self, how=signal.SIGTERM, seconds=5):
        if self.session and self.alive():
            try:
                self._ask("DELETE", f"/session/{self.session}", seconds=5)
            except (OSError, RuntimeError):
                pass
            self.session = None
        self.server.shutdown()
        return super().stop(how, seconds)
