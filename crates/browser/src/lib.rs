//! Chromium without a window, driven by its driver, for tests of pages. Where they are not installed the tests say so and pass over.
//! A page has no network but this machine's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

/// How long a page may take to become as it should be: machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a page says that it is drawn.
const READY: &str = "return document.documentElement.dataset.ready ?? ''";

/// A page that is open in a browser.
pub struct Browser {
    runtime: Runtime,
    client: Client,
    driver: Child,
    folder: tempfile::TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy)]
pub struct Look {
    /// Width in CSS pixels.
    pub width: u32,
    /// Whether the system asks for dark colours.
    pub dark: bool,
}

/// A window on a desk.
pub const WIDE: Look = Look { width: 1280, dark: false };
/// A telephone.
pub const NARROW: Look = Look { width: 360, dark: false };
/// A window where the system is dark.
pub const DARK: Look = Look { width: 1280, dark: true };

/// A command of the driver beyond the standard.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// Starts a browser without a page. `None` where there is none.
    pub fn start() -> Option<Self> {
        let mut driver = match Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
        {
            Ok(driver) => driver,
            Err(error) => {
                eprintln!("chromedriver cannot be started ({error}); tests in a browser are passed over");
                return None;
            }
        };
        let output = BufReader::new(driver.stdout.take().expect("its output"));
        let port = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                Some(port.trim_end_matches('.').to_owned())
            })
            .expect("the port of chromedriver");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(async {
            let options = json!({
                "goog:chromeOptions": {"args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
                    "--autoplay-policy=user-gesture-required", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                    "--window-size=1280,900",
                ]},
                "goog:loggingPrefs": {"browser": "ALL"},
            });
            let Value::Object(options) = options else { unreachable!("an object") };
            let options: Capabilities = options;
            ClientBuilder::new(HttpConnector::new())
                .capabilities(options)
                .connect(&format!("http://localhost:{port}"))
                .await
                .expect("a session")
        });
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self { runtime, client, driver, folder })
    }

    /// Opens a page that is a file and waits until it is drawn. `None` where there is no browser.
    pub fn open(page: &str, look: Look) -> Option<Self> {
        let browser = Self::start()?;
        std::fs::write(browser.folder.path().join("page.html"), page).expect("a file");
        browser.look(look);
        browser.reload();
        Some(browser)
    }

    /// Opens the file again and waits until it is drawn; says how long that took.
    pub fn reload(&self) -> Duration {
        self.visit(&format!("file://{}", self.folder.path().join("page.html").display()))
    }

    /// Opens an address and waits until its page is drawn; says how long that took.
    pub fn visit(&self, address: &str) -> Duration {
        let start = Instant::now();
        self.load(address);
        self.until(READY, |ready| ready == "yes");
        start.elapsed()
    }

    /// Opens an address and waits for nothing.
    pub fn load(&self, address: &str) {
        self.runtime.block_on(self.client.goto(address)).expect("the page opens");
    }

    /// Loads the page that is open again and waits until it is drawn.
    pub fn again(&self) {
        self.runtime.block_on(self.client.refresh()).expect("the page opens");
        self.until(READY, |ready| ready == "yes");
    }

    /// Waits for two frames: what a change of width draws anew has been drawn then, and what scrolls has said so.
    pub fn settle(&self) {
        self.run(
            "window.settled = false;
             requestAnimationFrame(() => requestAnimationFrame(() => (window.settled = true)))",
        );
        self.until("return window.settled", |settled| settled == true);
    }

    /// Changes width and colours.
    pub fn look(&self, look: Look) {
        let metrics =
            json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media);
    }

    fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.runtime
            .block_on(self.client.issue_cmd(Vendor { path: "goog/cdp/execute", body }))
            .expect("the command is known")
    }

    /// The value that a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.runtime.block_on(self.client.execute(script, vec![])).expect("the script runs")
    }

    /// The value of a script as soon as it is as wanted: pages answer, are drawn and scroll in their own time.
    #[track_caller]
    pub fn until(&self, script: &str, is: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let value = self.run(script);
            if is(&value) {
                return value;
            }
            let late = start.elapsed() > PATIENCE;
            assert!(!late, "{script}\nis still {value}; the console has {:?}", self.complaints());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Errors and warnings of the console since the last call.
    pub fn complaints(&self) -> Vec<String> {
        let body = json!({"type": "browser"});
        let log =
            self.runtime.block_on(self.client.issue_cmd(Vendor { path: "se/log", body })).expect("a log");
        let entries = log.as_array().expect("entries");
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    fn find(&self, selector: &str) -> Element {
        self.runtime
            .block_on(self.client.find(Locator::Css(selector)))
            .unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Moves the pointer over the middle of an element.
    pub fn hover(&self, selector: &str) {
        let element = self.find(selector);
        // What is shown beside the pointer goes when the page has scrolled.
        self.run(&format!(
            "document.querySelector({}).scrollIntoView({{ block: 'center' }})",
            json!(selector)
        ));
        self.settle();
        let to = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        self.runtime
            .block_on(self.client.perform_actions(MouseActions::new("mouse".into()).then(to)))
            .expect("the pointer moves");
    }

    /// Draws a line with the pointer, from the middle of an element on.
    pub fn stroke(&self, selector: &str) {
        let element = self.find(selector);
        let to = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        let button = MOUSE_BUTTON_LEFT;
        let line = MouseActions::new("mouse".into())
            .then(to)
            .then(PointerAction::Down { button })
            .then(PointerAction::MoveBy { duration: None, x: 30.0, y: 20.0 })
            .then(PointerAction::Up { button });
        self.runtime.block_on(self.client.perform_actions(line)).expect("the pointer moves");
    }

    /// Clicks on an element.
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.runtime.block_on(element.click()).unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Chooses a value of one of the choices below an element.
    pub fn choose(&self, selector: &str, number: usize, value: &str) {
        let (selector, value) = (json!(selector), json!(value));
        self.run(&format!(
            "const select = document.querySelectorAll({selector})[{number}];
             select.value = {value};
             if (select.value !== {value}) throw Error('there is no ' + {value});
             select.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        ));
    }

    /// Presses keys with the focus on an element.
    pub fn keys(&self, selector: &str, keys: &str) {
        let element = self.find(selector);
        self.runtime.block_on(element.send_keys(keys)).unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses keys with the focus where it is.
    pub fn send(&self, keys: &str) {
        let element = self.runtime.block_on(self.client.active_element()).expect("something has the focus");
        self.runtime.block_on(element.send_keys(keys)).unwrap_or_else(|error| panic!("{keys:?}: {error}"));
    }

    /// What is shown beside the pointer, once it is as wanted.
    #[track_caller]
    pub fn tip(&self, is: impl Fn(&str) -> bool) -> String {
        let script =
            "const tip = document.querySelector('.tip'); return tip && !tip.hidden ? tip.textContent : ''";
        let tip = self.until(script, |tip| is(tip.as_str().unwrap_or_default()));
        tip.as_str().unwrap_or_default().to_owned()
    }

    /// How far the page is wider than the window, and what stands out.
    pub fn overflow(&self) -> Value {
        self.run(
            "const wide = document.documentElement.clientWidth;
             const inside = (e) => { for (let p = e.parentElement; p; p = p.parentElement)
                 if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX)) return true; return false; };
             return [...document.querySelectorAll('main *')]
                 .filter((e) => e.getBoundingClientRect().right > wide + 1 && !inside(e) && !e.closest('.unseen'))
                 .map((e) => e.tagName + '.' + e.getAttribute('class') + ' ' + e.textContent.slice(0, 40)).slice(0, 10)",
        )
    }

    /// Pictures that are not drawn: canvases without a second colour, SVG without a shape.
    pub fn blank(&self) -> Value {
        self.run(
            "const blank = [];
             for (const canvas of document.querySelectorAll('main canvas')) {
                 if (!canvas.getClientRects().length) continue;
                 // A copy is read: reading the canvas itself often is complained of.
                 const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
                 const pen = copy.getContext('2d', { willReadFrequently: true });
                 if (canvas.width && canvas.height) pen.drawImage(canvas, 0, 0);
                 const dots = canvas.width && canvas.height ? new Uint32Array(pen
                     .getImageData(0, 0, canvas.width, canvas.height).data.buffer) : [];
                 if (!dots.length || dots.every((dot) => dot === dots[0])) blank.push('canvas in ' + canvas.closest('section')?.id);
             }
             for (const svg of document.querySelectorAll('main svg'))
                 if (!svg.querySelector('path, rect, circle, polygon, polyline')) blank.push('svg in ' + svg.closest('section')?.id);
             return blank",
        )
    }

    /// Writes pictures of the whole page to the folder of `ANAPHORA_SCREENSHOTS`, where that is set, for a person to look at.
    pub fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("ANAPHORA_SCREENSHOTS") else { return };
        let size =
            self.run("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]");
        let clip = json!({"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1});
        let shot =
            self.devtools("Page.captureScreenshot", json!({"captureBeyondViewport": true, "clip": clip}));
        let folder = std::path::PathBuf::from(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let picture = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("a file");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session first: killing the driver alone would leave the browser behind.
        let client = self.client.clone();
        drop(self.runtime.block_on(client.close()));
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
