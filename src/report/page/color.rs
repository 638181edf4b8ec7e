//! Colours: the product's palette, a dashboard's own, and the ramps of heatmaps and pivots.

use serde_json::Value;

/// The palette that the product uses where a dashboard has none of its own.
const PALETTE: [&str; 10] =
    ["#077A9D", "#FFAB00", "#00A972", "#FF3621", "#8BCAE7", "#AB4057", "#99DDB4", "#FCA4A1", "#919191", "#BF7080"];

/// What a tile is drawn on in the dark.
const DARK_CARD: &str = "#1a2732";

/// What texts stand on in the dark, as `style.css` has it.
const TILE_IN_THE_DARK: &str = "#162029";

/// The colours of a dashboard.
pub(super) struct Palette(Vec<String>);

impl Palette {
    /// Takes the palette of a dashboard's theme, or the product's.
    pub(super) fn of(dashboard: &Value) -> Self {
        let own = dashboard["uiSettings"]["theme"]["visualizationColors"].as_array();
        let own: Vec<String> = own.into_iter().flatten().filter_map(Value::as_str).filter_map(hex).collect();
        Self(if own.is_empty() { PALETTE.iter().map(|c| (*c).to_owned()).collect() } else { own })
    }

    /// Returns the colour of the n-th series, from 0; beyond the last it starts again.
    pub(super) fn series(&self, index: usize) -> String {
        self.0[index % self.0.len()].clone()
    }

    /// Returns the colour that a scale's `mappings` give a value; an empty text stands for null.
    pub(super) fn mapped(&self, mappings: &Value, value: &str) -> Option<String> {
        let shown = |mapped: &Value| match mapped {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let mapping = mappings.as_array()?.iter().find(|mapping| shown(&mapping["value"]) == value)?;
        self.resolve(&mapping["color"])
    }

    /// Reads a colour in any of its forms.
    pub(super) fn resolve(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => hex(text),
            Value::Object(members) => {
                if members.get("themeColorType").and_then(Value::as_str) == Some("visualizationColors") {
                    // Positions are counted from 1 by the product.
                    let position = members.get("position").and_then(Value::as_u64).unwrap_or(1);
                    return Some(self.series(usize::try_from(position.saturating_sub(1)).unwrap_or(0)));
                }
                ["hex", "default", "light"].iter().find_map(|key| members.get(*key)?.as_str().and_then(hex))
            }
            _ => None,
        }
    }
}

/// Accepts a colour in hexadecimal digits, and nothing else: it goes into style attributes.
fn hex(text: &str) -> Option<String> {
    let digits = text.trim().strip_prefix('#')?;
    let right = matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| format!("#{digits}"))
}

type Rgb = [f64; 3];

fn rgb(color: &str) -> Rgb {
    let digits = color.trim_start_matches('#');
    let digits: String =
        if digits.len() < 6 { digits.chars().take(3).flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
    [0, 2, 4].map(|i| digits.get(i..i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).map_or(0.0, f64::from))
}

/// A ramp of colours over 0 to 1.
#[derive(Clone, Debug)]
pub(super) struct Ramp {
    stops: Vec<Rgb>,
    /// Whether the ramp goes from pale to strong, so that it can be turned round on a dark background.
    sequential: bool,
    reverse: bool,
}

impl Ramp {
    /// Reads the ramp of a quantitative colour scale.
    pub(super) fn of(scale: &Value) -> Self {
        let ramp = &scale["colorRamp"];
        let colors = &ramp["colors"];
        let custom: Vec<Rgb> = ["start", "mid", "end"]
            .iter()
            .filter_map(|key| colors[*key].as_str().and_then(hex))
            .map(|color| rgb(&color))
            .collect();
        let reverse = scale["reverse"].as_bool() == Some(true);
        if custom.len() >= 2 {
            return Self { stops: custom, sequential: false, reverse };
        }
        let scheme = ramp["scheme"].as_str().unwrap_or("blues").to_ascii_lowercase();
        let (stops, sequential): (&[&str], bool) = match scheme.as_str() {
            "greens" => (&["#f4fbf2", "#c9eac2", "#7bc77c", "#2a924a", "#00441b"], true),
            "reds" => (&["#fff5f0", "#fcc3ac", "#fb7050", "#d42020", "#67000d"], true),
            "oranges" => (&["#fff5eb", "#fdd1a5", "#fd9243", "#de5005", "#7f2704"], true),
            "purples" => (&["#fbfafc", "#dadaeb", "#a39fcb", "#6a51a3", "#3f007d"], true),
            "greys" => (&["#fafafa", "#d9d9d9", "#a0a0a0", "#5f5f5f", "#1a1a1a"], true),
            "greenblue" => (&["#f2faf0", "#c7eac3", "#7bccc4", "#2e95c1", "#084081"], true),
            "orangered" => (&["#fff7ec", "#fdd9a6", "#fc945e", "#dc3622", "#7f0000"], true),
            "viridis" => (&["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"], false),
            "magma" => (&["#000004", "#51127c", "#b73779", "#fc8961", "#fcfdbf"], false),
            "redyellowgreen" => (&["#a50026", "#f98e52", "#fefebd", "#84ca66", "#006837"], false),
            "redyellowblue" => (&["#a50026", "#f88e53", "#fefebf", "#90c1dc", "#313695"], false),
            "redblue" => (&["#67001f", "#e58368", "#f7f6f6", "#68aacf", "#053061"], false),
            "spectral" => (&["#9e0142", "#f88d52", "#fefebe", "#8bd1a5", "#5e4fa2"], false),
            _ => (&["#f3f8fd", "#c6dcf0", "#7db8da", "#2f7fbc", "#08306b"], true),
        };
        Self { stops: stops.iter().map(|color| rgb(color)).collect(), sequential, reverse }
    }

    /// Returns the colour at `t` of 0 to 1, for a light or a dark page.
    fn at(&self, t: f64, dark: bool) -> Rgb {
        let t = t.clamp(0.0, 1.0);
        let t = if self.reverse { 1.0 - t } else { t };
        if dark && self.sequential {
            // On a dark page small values fade into the dark, as they fade into the white of a light one.
            let stops = [rgb(DARK_CARD), blend(&self.stops, 0.78), blend(&self.stops, 0.48), blend(&self.stops, 0.2)];
            return blend(&stops, t);
        }
        blend(&self.stops, t)
    }

    /// Returns the style of a cell at `t`: its colours on light and dark pages, with readable text.
    pub(super) fn cell_style(&self, t: f64) -> String {
        let (light, dark) = (self.at(t, false), self.at(t, true));
        format!("--c:{};--t:{};--cd:{};--td:{}", css(light), ink(light), css(dark), ink(dark))
    }

    /// Returns the ramp as plotly's colour scale.
    pub(super) fn plotly(&self) -> Value {
        (0..=4).map(|i| f64::from(i) / 4.0).map(|t| serde_json::json!([t, css(self.at(t, false))])).collect()
    }
}

/// Returns the colour at `t` of 0 to 1 between evenly spaced stops.
fn blend(stops: &[Rgb], t: f64) -> Rgb {
    let last = stops.len() - 1;
    let place = t.clamp(0.0, 1.0) * last as f64;
    let index = (place.floor() as usize).min(last.saturating_sub(1));
    let part = place - index as f64;
    let (from, to) = (stops[index], stops[(index + 1).min(last)]);
    [0, 1, 2].map(|i| from[i] + (to[i] - from[i]) * part)
}

/// Returns the colour of a period's line, from the oldest at 0, pale, to the newest at 1, strong. All of them can be
/// told from a light and from a dark background.
pub(super) fn period(t: f64) -> String {
    css(blend(&["#a9b8c2", "#62adc6", "#1f93b5", "#7a62b8", "#d8466e"].map(rgb), t))
}

fn css(color: Rgb) -> String {
    let [r, g, b] = color.map(|part| part.round().clamp(0.0, 255.0) as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Chooses dark or light text by the brightness of what is behind it, so that it can be read on any ground.
fn ink(behind: Rgb) -> &'static str {
    match luminance(behind) {
        // Between these, only black is far enough from the ground.
        light if light > 0.238 => "#10212e",
        middle if middle > 0.179 => "#000000",
        _ => "#ffffff",
    }
}

/// Returns the colour of a text on a ground of this colour.
pub(super) fn ink_on(ground: &str) -> &'static str {
    ink(rgb(ground))
}

/// The least contrast of a text, by WCAG 2.1's level AA.
const LEAST_CONTRAST: f64 = 4.5;

/// Returns a text colour that somebody chose for a light page as CSS that can be read on a dark one too: there it is made lighter, as
/// far as it takes.
pub(super) fn for_text(color: &str) -> String {
    let (own, card) = (rgb(color), rgb(TILE_IN_THE_DARK));
    let readable = |color: Rgb| (luminance(color) + 0.05) / (luminance(card) + 0.05) >= LEAST_CONTRAST;
    if readable(own) {
        return color.to_owned();
    }
    let lighter = (1..=20).map(|step| blend(&[own, [255.0; 3]], f64::from(step) / 20.0)).find(|color| readable(*color));
    format!("light-dark({color},{})", css(lighter.unwrap_or([255.0; 3])))
}

/// How light a colour is, by WCAG 2.1: from 0, black, to 1, white.
fn luminance(color: Rgb) -> f64 {
    let linear = color.map(|part| {
        let part = part / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_hexadecimal_colours_reach_a_style() {
        let palette = Palette::of(&Value::Null);
        assert_eq!(palette.resolve(&json!("#00A972")), Some("#00A972".into()));
        assert_eq!(palette.resolve(&json!("red;background:url(//x)")), None);
        assert_eq!(
            palette.resolve(&json!({"themeColorType": "visualizationColors", "position": 2})),
            Some("#FFAB00".into())
        );
        assert_eq!(
            palette.resolve(&json!({"themeColorType": "visualizationColors", "position": 13})),
            Some("#00A972".into())
        );
        assert_eq!(palette.resolve(&json!({"hex": "#fff"})), Some("#fff".into()));
    }

    #[test]
    fn texts_can_be_read_on_any_ground() {
        assert!(include_str!("style.css").contains(&format!("--card: {TILE_IN_THE_DARK};")));
        // Ratios of WCAG: black on white has 21, and grey 767676 on white is the palest that has 4.5.
        let ratio = |a: &str, b: &str| {
            let (a, b) = (luminance(rgb(a)) + 0.05, luminance(rgb(b)) + 0.05);
            a.max(b) / a.min(b)
        };
        assert!((ratio("#000", "#fff") - 21.0).abs() < 1e-9);
        assert!(ratio("#767676", "#ffffff") >= 4.5 && ratio("#777777", "#ffffff") < 4.5);
        for grey in 0..=255_u32 {
            for ground in
                [format!("#{grey:02x}{grey:02x}{grey:02x}"), format!("#{grey:02x}00ff"), format!("#ff{grey:02x}00")]
            {
                assert!(ratio(ink_on(&ground), &ground) >= 4.5, "{ground}");
            }
        }
        assert_eq!(for_text("#FFAB00"), "#FFAB00");
        let both = for_text("#C5221F");
        let dark = both.strip_prefix("light-dark(#C5221F,").and_then(|rest| rest.strip_suffix(')')).unwrap();
        assert!(ratio(dark, TILE_IN_THE_DARK) >= 4.5, "{both}");
    }

    #[test]
    fn a_ramp_ends_where_its_scheme_does_and_its_text_can_be_read() {
        let blues = Ramp::of(&json!({"colorRamp": {"mode": "scheme", "scheme": "blues"}}));
        assert!(blues.cell_style(0.0).starts_with("--c:#f3f8fd;--t:#10212e;"));
        assert!(blues.cell_style(1.0).starts_with("--c:#08306b;--t:#ffffff;"));
        let custom = Ramp::of(&json!({"colorRamp": {"colors": {"start": "#000", "end": "#ffffff"}}, "reverse": true}));
        assert_eq!(css(custom.at(0.0, false)), "#ffffff");
        assert_eq!(css(custom.at(0.5, false)), "#808080");
    }
}
