//! A browser that tests drive: Chromium by its DevTools protocol, over the pipe that it offers. Keys and clicks are those of a person, and
//! what they bring about is awaited in the page itself.

use std::cell::{Cell, RefCell};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take until it is as a test expects it.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long one document is watched before it is made sure that it is still the page.
const LOOK: Duration = Duration::from_secs(10);
/// What is said of an answer that does not come.
const LATE: &str = "the browser did not answer in time";

/// A browser with one page; ended when it is dropped.
pub(crate) struct Chrome {
    process: RefCell<Child>,
    messages: Receiver<Value>,
    /// The page's session with the browser.
    session: RefCell<Option<String>>,
    sent: Cell<u64>,
    /// What the page's scripts complained of.
    complaints: RefCell<Vec<String>>,
    _profile: TempDir,
}

impl Chrome {
    /// Starts the browser that is here, with an empty page; none, with a message, where there is none.
    pub(crate) fn start() -> Option<Self> {
        let browser = crate::browser::browser()?;
        let profile = tempfile::tempdir().expect("a temporary folder");
        // It speaks on the descriptors 3 and 4, which a shell makes of those that every child has.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "sh", browser])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
            .args(["--remote-debugging-pipe", "--hide-scrollbars", "--window-size=1280,900"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser can be started");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                let text = message.strip_suffix(&[0]).unwrap_or(&message);
                let heard = serde_json::from_slice(text).expect("the browser speaks JSON");
                if sender.send(heard).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let chrome = Self {
            process: RefCell::new(process),
            messages,
            session: RefCell::default(),
            sent: Cell::default(),
            complaints: RefCell::default(),
            _profile: profile,
        };
        let target = chrome.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = chrome.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        *chrome.session.borrow_mut() = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            chrome.call(&format!("{domain}.enable"), json!({}));
        }
        // Keys go to the page in front, and it alone has the focus.
        chrome.call("Page.bringToFront", json!({}));
        chrome.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
        Some(chrome)
    }

    /// Goes to an address.
    pub(crate) fn go(&self, url: &str) {
        let went = self.call("Page.navigate", json!({"url": url}));
        assert!(went["errorText"].is_null(), "{url}: {went}");
    }

    /// Asks the page for the value of an expression.
    #[track_caller]
    pub(crate) fn value(&self, expression: &str) -> Value {
        let answer = self.evaluate(expression, Instant::now() + PATIENCE);
        answer.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The same for a text.
    #[track_caller]
    pub(crate) fn text(&self, expression: &str) -> String {
        let value = self.value(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is no text: {value}")).to_owned()
    }

    /// Waits until an expression holds in the page, whatever page that is by then.
    #[track_caller]
    pub(crate) fn wait(&self, condition: &str) {
        let watch = format!(
            "new Promise((done) => {{
               const look = () => {{
                 let holds = false;
                 try {{ holds = Boolean({condition}); }} catch {{ /* What it speaks of is not there yet. */ }}
                 if (holds) {{ observer.disconnect(); done(true); }}
               }};
               const observer = new MutationObserver(look);
               observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
               // What is no change of the document, and may be waited for all the same.
               for (const event of [\"focusin\", \"readystatechange\"]) document.addEventListener(event, look);
               look();
             }})"
        );
        let until = Instant::now() + PATIENCE;
        // A page that is left takes its promises with it, or keeps them for ever: then the page in its place is asked.
        while let Err(error) = self.evaluate(&watch, until.min(Instant::now() + LOOK)) {
            let gone = ["context", "navigated", "Promise was collected", LATE].iter().any(|word| error.contains(word));
            assert!(gone && Instant::now() < until, "{condition}: {error}\n{}", self.state());
        }
    }

    /// Clicks on the middle of what a selector finds.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let place = self.value(&format!(
            "(() => {{
               const element = document.querySelector({});
               element.scrollIntoView({{ block: \"center\", behavior: \"instant\" }});
               const box = element.getBoundingClientRect();
               return [box.x + box.width / 2, box.y + box.height / 2];
             }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses a key, by the name that pages know it by.
    pub(crate) fn press(&self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            " " => (32, Some(" ")),
            "End" => (35, None),
            "Home" => (36, None),
            "ArrowLeft" => (37, None),
            "ArrowRight" => (39, None),
            _ => panic!("the key {key} is not known here"),
        };
        let name = if key == " " { "Space" } else { key };
        let mut event = json!({"type": "keyDown", "key": key, "code": name, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            event["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", event);
    }

    /// Shows pages on a screen of this width, in the dark or not.
    pub(crate) fn look(&self, width: u32, dark: bool) {
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", screen);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Takes a picture of the whole page.
    pub(crate) fn picture(&self, file: &Path) {
        let taken = self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        let data = taken["data"].as_str().expect("there is a picture");
        let picture = base64::engine::general_purpose::STANDARD.decode(data).expect("the picture is in base64");
        std::fs::write(file, picture).expect("the picture can be written");
    }

    /// Lists what screen readers are told of a role: the names, in the order of the page.
    pub(crate) fn names_of(&self, role: &str) -> Vec<String> {
        let tree = self.call("Accessibility.getFullAXTree", json!({}));
        let nodes = tree["nodes"].as_array().expect("there is a tree");
        let seen = nodes.iter().filter(|node| node["ignored"] != true && node["role"]["value"] == role);
        seen.map(|node| node["name"]["value"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What the page's scripts complained of so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.borrow().clone()
    }

    /// Says what there is to see, for when it is not what was expected.
    fn state(&self) -> String {
        let text = "[location.href, document.title, document.readyState, document.activeElement?.outerHTML.slice(0, 200), \
                    document.body?.innerText.slice(0, 2000)].join('\\n')";
        let seen = self.evaluate(text, Instant::now() + Duration::from_secs(5));
        format!("{}\n{:?}", seen.unwrap_or_default().as_str().unwrap_or_default(), self.complaints())
    }

    fn evaluate(&self, expression: &str, until: Instant) -> Result<Value, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", params, until)?;
        match answer.get("exceptionDetails") {
            Some(thrown) => Err(thrown["exception"]["description"].as_str().unwrap_or("it threw").to_owned()),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    #[track_caller]
    fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params, Instant::now() + PATIENCE);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn ask(&self, method: &str, params: Value, until: Instant) -> Result<Value, String> {
        let id = self.sent.get() + 1;
        self.sent.set(id);
        let mut command = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &*self.session.borrow() {
            command["sessionId"] = json!(session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.process.borrow_mut().stdin.as_mut().expect("it is piped").write_all(&bytes).expect("the browser listens");
        loop {
            let heard = self.messages.recv_timeout(until.saturating_duration_since(Instant::now()));
            let heard = heard.map_err(|_| LATE.to_owned())?;
            if heard["id"] == json!(id) {
                return match heard.get("error") {
                    Some(error) => Err(error["message"].as_str().unwrap_or("it refused").to_owned()),
                    None => Ok(heard["result"].clone()),
                };
            }
            self.note(&heard);
        }
    }

    /// Keeps what a page's scripts, its policy or its requests complain of.
    fn note(&self, event: &Value) {
        let params = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => &params["exceptionDetails"]["exception"]["description"],
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => &params["args"][0]["value"],
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => &params["entry"]["text"],
            _ => return,
        };
        self.complaints.borrow_mut().push(complaint.to_string());
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        let process = self.process.get_mut();
        // It may have ended already; then there is nothing to end.
        let _ = process.kill();
        let _ = process.wait();
    }
}
