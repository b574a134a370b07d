// The drawn parts of the kit: small SVGs and live times. Colours come from the tokens, words from the catalogs.
import { memo, useEffect, useRef, useState } from "react";
import { hlT, hlN, hlDates, hlLocale } from "$/public/external/hilink_app/components/i18n/i18n.js";

const SHAPES = {
  expected: <circle cx="7" cy="7" r="4.5" fill="none" stroke="var(--sage-9)" strokeWidth="1.6" />,
  waiting: (
    <>
      <circle cx="7" cy="7" r="4.6" fill="none" stroke="var(--warn)" strokeWidth="1.6" />
      <path d="M7 2.4a4.6 4.6 0 0 1 0 9.2z" fill="var(--warn)" />
    </>
  ),
  live: (
    <>
      <circle cx="7" cy="7" r="6.5" fill="var(--teal-4)" />
      <circle cx="7" cy="7" r="3.8" fill="var(--accent)" />
    </>
  ),
  late: <path d="M7 .8 13.2 7 7 13.2 .8 7z" fill="var(--bad-fill)" />,
  ended: <rect x="3" y="3" width="8" height="8" rx="2" fill="var(--sage-9)" />,
};

/** Says when the refresh with this number is on the screen, so that a slow browser is not sent more than it can draw. */
export function Drawn({ count, onDrawn }) {
  const told = useRef(onDrawn);
  told.current = onDrawn;
  useEffect(() => {
    if (count) told.current?.(count);
  }, [count]);
  return null;
}

/** A page that was open stays as it is while nobody says that it is not: its server may just have been started again. */
export function Held({ verdict, children }) {
  const [page, instead] = children;
  const held = useRef(false);
  held.current = verdict === "open" || (held.current && !verdict);
  return held.current ? page : instead;
}

/** One of the five state shapes. Hidden from screen readers: a word stands beside it. */
export function StateShape({ state }) {
  return (
    <svg className="hl-st" viewBox="0 0 14 14" aria-hidden="true">
      {SHAPES[state] ?? SHAPES.expected}
    </svg>
  );
}

/** Seven stops. `done` counts finished stops, `at` is "now", "failed" or "" for the stop after them. */
export function Thread({ done = 0, at = "", label, width = 112 }) {
  const step = (width - 12) / 6;
  const x = (i) => 6 + i * step;
  const reached = Math.min(6, at ? done : Math.max(0, done - 1));
  return (
    <svg className="hl-th" width={width} height="14" viewBox={`0 0 ${width} 14`} role="img" aria-label={label}>
      <title>{label}</title>
      <path d={`M6 7H${x(6)}`} stroke="var(--sage-6)" strokeWidth="1.5" />
      {reached > 0 && <path d={`M6 7H${x(reached)}`} stroke="var(--accent)" strokeWidth="1.5" />}
      {[0, 1, 2, 3, 4, 5, 6].map((i) => {
        if (i < done) return <circle key={i} cx={x(i)} cy="7" r="2.6" fill="var(--accent)" />;
        if (i === done && at === "failed")
          return <path key={i} d={`M${x(i)} 2l5 5-5 5-5-5z`} fill="var(--bad-fill)" />;
        if (i === done && at === "now")
          return <circle key={i} cx={x(i)} cy="7" r="4.2" fill="var(--panel)" stroke="var(--accent)" strokeWidth="1.8" />;
        return <circle key={i} cx={x(i)} cy="7" r="2.4" fill="var(--panel)" stroke="var(--sage-7)" strokeWidth="1.2" />;
      })}
    </svg>
  );
}

/** Connection of one person, 0 (lost) to 4 (good) bars. A word stands beside it. */
export function Meter({ bars = 4 }) {
  return (
    <svg className="hl-i" viewBox="0 0 16 16" aria-hidden="true">
      {[0, 1, 2, 3].map((i) => (
        <rect key={i} x={1 + i * 4} y={11 - i * 3} width="2.6" height={4 + i * 3} rx="1" fill="currentColor"
          opacity={i < bars ? 1 : 0.28} />
      ))}
    </svg>
  );
}

const useNow = (everyMs) => {
  const [now, setNow] = useState(null);
  useEffect(() => {
    setNow(Date.now());
    const id = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(id);
  }, [everyMs]);
  return now;
};

function spanText(lang, minutes) {
  if (minutes < 60) return hlT(lang, "{n} min", { n: minutes });
  if (minutes < 1440) {
    const h = Math.floor(minutes / 60), m = minutes % 60;
    return m ? hlT(lang, "{h} h {m}", { h, m }) : hlT(lang, "{h} h", { h });
  }
  return hlN(lang, "{n} day", "{n} days", Math.round(minutes / 1440));
}

function relativeText(lang, at, now) {
  const minutes = Math.round((at - now) / 60000);
  if (minutes === 0) return hlT(lang, "now");
  const span = spanText(lang, Math.abs(minutes));
  return minutes > 0 ? hlT(lang, "in {span}", { span }) : hlT(lang, "{span} ago", { span });
}

const FORMATS = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { weekday: "long", day: "numeric", month: "long" },
  short: { weekday: "short", day: "numeric", month: "short" },
  weekday: { weekday: "short" },
  date: { day: "numeric", month: "short", year: "numeric" },
};

function dayWord(lang, tz, at, now) {
  const key = (ms) => hlDates("en-CA", { timeZone: tz }).format(ms);
  if (key(at) === key(now)) return hlT(lang, "Today");
  if (key(at) === key(now + 86400000)) return hlT(lang, "Tomorrow");
  if (key(at) === key(now - 86400000)) return hlT(lang, "Yesterday");
  return null;
}

function shown(lang, tz, at, show) {
  try {
    const text = hlDates(hlLocale(lang), { ...FORMATS[show], timeZone: tz || "UTC" }).format(at);
    return lang === "en" ? text.replace(",", "") : text;
  } catch {
    return "";
  }
}

/**
 * One moment in the reader's zone and language, kept up to date.
 * show: time "16:30", day "Thursday 12 November", short "Thu 12 Nov", date, relative "in 12 min",
 * late "8 min late", elapsed "53 min", near "Today" or the short day, when "Today, 16:30", both "in 12 min, 16:30".
 */
export const TimeText = memo(function TimeText({ at, tz = "UTC", lang = "en", show = "time", className }) {
  const now = useNow(show === "time" ? 3600000 : 10000);
  const ms = at ? Date.parse(at) : NaN;
  if (Number.isNaN(ms)) return null;
  let text;
  if (show === "late")
    text = !now ? "" : ms < now ? hlT(lang, "{span} late", { span: spanText(lang, Math.max(1, Math.round((now - ms) / 60000))) })
      : relativeText(lang, ms, now);
  else if (show === "elapsed") text = now ? spanText(lang, Math.max(0, Math.round((now - ms) / 60000))) : "";
  else if (show === "relative") text = now ? relativeText(lang, ms, now) : "";
  else if (show === "both")
    text = [now && relativeText(lang, ms, now), shown(lang, tz, ms, "time")].filter(Boolean).join(", ");
  else if (show === "near") text = (now && dayWord(lang, tz, ms, now)) || shown(lang, tz, ms, "short");
  else if (show === "when")
    text = `${(now && dayWord(lang, tz, ms, now)) || shown(lang, tz, ms, "short")}, ${shown(lang, tz, ms, "time")}`;
  else text = shown(lang, tz, ms, FORMATS[show] ? show : "time");
  return (
    <time dateTime={at} className={className} title={shown(lang, tz, ms, "day") + ", " + shown(lang, tz, ms, "time")}
      suppressHydrationWarning>
      {text}
    </time>
  );
});

/** The bar along the bottom of the next lesson: fills over the last hour before the start. */
export function Countdown({ at }) {
  const now = useNow(10000);
  const left = now && at ? (Date.parse(at) - now) / 3600000 : 1;
  const part = Math.max(0, Math.min(1, 1 - left));
  return (
    <svg className="hl-countdown" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">
      <rect width="1000" height="6" fill="var(--sage-4)" />
      <rect width={1000 * part} height="6" fill="var(--accent)" />
    </svg>
  );
}

/** Minutes left until a deadline, as the queue shows them; past deadlines count up. */
export function MinutesLeft({ at, lang = "en", hotS = 300 }) {
  const now = useNow(5000);
  if (!at || !now) return <div className="hl-left" />;
  const seconds = (Date.parse(at) - now) / 1000;
  const minutes = Math.max(0, Math.ceil(Math.abs(seconds) / 60));
  const late = seconds < 0;
  const hot = seconds < hotS ? " hot" : "";
  const [n, unit] =
    minutes < 100
      ? [minutes, late ? hlT(lang, "min over") : hlT(lang, "min left")]
      : minutes < 2880
        ? [Math.round(minutes / 60), late ? hlT(lang, "h over") : hlT(lang, "h left")]
        : [Math.round(minutes / 1440), late ? hlT(lang, "days over") : hlT(lang, "days left")];
  return (
    <div className={"hl-left" + hot}>
      <b>{n}</b>
      <small>{unit}</small>
    </div>
  );
}

/** Lessons per slot over a day. slots: [{label, count, missed, state: "past"|"live"|"now"|"later"}]. */
export function DayStrip({ slots = [], nowAt = null, nowLabel = "", label, caption, first = 0, last = 0, onSpan }) {
  const box = useRef(null);
  const [width, setWidth] = useState(916);
  useEffect(() => {
    const seen = new ResizeObserver(([entry]) => setWidth(Math.max(280, Math.round(entry.contentRect.width))));
    seen.observe(box.current);
    return () => seen.disconnect();
  }, []);
  const narrow = width < 560, step = width / Math.max(1, slots.length), top = Math.max(1, ...slots.map((s) => s.count));
  const fills = { past: "var(--sage-6)", live: "var(--teal-8)", now: "var(--accent)" };
  const nowX = nowAt === null || nowAt === undefined ? null : nowAt * width;
  const chosen = last > first, labelX = nowX === null ? 0 : Math.max(22, Math.min(width - 22, nowX));
  return (
    <div className="hl-strip" ref={box}>
      <svg width={width} height="90" viewBox={`0 -18 ${width} 90`} role="img" aria-label={label}>
        {!narrow && (
          <text x={nowX !== null && nowX < width / 2 ? width - 2 : 2} y="-5" fontSize="12" fill="var(--text-2)"
            textAnchor={nowX !== null && nowX < width / 2 ? "end" : "start"}>{caption}</text>
        )}
        {chosen && <rect x={first * step} y="0" width={(last - first) * step} height="53" fill="var(--accent-tint)" />}
        <path d={`M0 52.5H${width}`} stroke="var(--line)" />
        {slots.map((slot, i) => {
          const h = slot.count ? 4 + (44 * slot.count) / top : 0, x = i * step + 2, w = Math.max(2, step - (narrow ? 1.5 : 4));
          const later = slot.state === "later";
          return (
            <g key={i} onClick={onSpan ? () => onSpan(i, i + 1) : undefined}>
              <rect x={x} y={52 - h} width={w} height={h} rx="2" fill={later ? "var(--panel)" : fills[slot.state] ?? fills.past}
                stroke={later ? "var(--sage-7)" : "none"} />
              {slot.missed > 0 && <rect x={x} y="46" width={w} height="6" rx="2" fill="var(--bad-fill)" />}
            </g>
          );
        })}
        {slots.map((slot, i) => slot.label && (!narrow || i % 16 === 0) && (
          <text key={i} x={i * step + 2} y="68" fontSize="12" fill="var(--text-2)" className="hl-num">{slot.label}</text>
        ))}
        {nowX !== null && (
          <g>
            <path d={`M${nowX} -6V56`} stroke="var(--now)" strokeWidth="1.5" />
            <rect x={labelX - 22} y="-18" width="44" height="18" rx="5" fill="var(--now)" />
            <text x={labelX} y="-5" fontSize="12.5" fontWeight="650" textAnchor="middle" fill="var(--panel)" className="hl-num">
              {nowLabel}
            </text>
          </g>
        )}
      </svg>
    </div>
  );
}

/** A line against its usual range. points: numbers; low/high: the usual range. The claim stands beside it. */
export function Spark({ points = [], low = 0, high = 0, bad = true, width = 152, height = 36, label }) {
  if (!points.length) return null;
  const end = points.length - 1, all = [...points, low, high], min = Math.min(...all), max = Math.max(...all), span = max - min || 1;
  const y = (v) => 5 + (height - 10) * (1 - (v - min) / span);
  const x = (i) => 6 + (i * (width - 14)) / Math.max(1, points.length - 1);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} className="hl-spark">
      <rect x="0" y={y(high) - 2} width={width} height={Math.max(5, y(low) - y(high) + 4)} rx="3" fill="var(--sage-4)" />
      <polyline points={points.map((v, i) => `${x(i)},${y(v)}`).join(" ")} fill="none" stroke="var(--sage-10)" strokeWidth="1.6" />
      <circle cx={x(end)} cy={y(points[end])} r="4" fill={bad ? "var(--bad-fill)" : "var(--accent)"} stroke="var(--panel)" strokeWidth="1.5" />
    </svg>
  );
}

/** The sound of a lesson as bars 0..1, with the playhead at `at` (0..1) and a marked source span. */
export function Wave({ levels = [], at = 0, first = 0, last = 0, label }) {
  const n = Math.max(1, levels.length), step = 570 / n;
  return (
    <svg viewBox="0 0 570 36" width="100%" height="36" preserveAspectRatio="none" role="img" aria-label={label}>
      {levels.map((level, i) => {
        const h = 2 + 28 * level, part = i / n;
        return <rect key={i} x={i * step} y={18 - h / 2} width={Math.max(1, step * 0.58)} height={h} rx="1"
          fill={part >= first && part < last ? "var(--accent)" : "var(--sage-7)"} />;
      })}
      <path d={`M${570 * at} 2V34`} stroke="var(--now)" strokeWidth="1.5" />
    </svg>
  );
}

const FOCUSABLE = "a[href],button:not([disabled]),input,select,textarea,[tabindex]:not([tabindex='-1'])";

/** A panel at the right edge; not modal. Focus moves in when it opens and back when it closes; Escape closes. */
export function SideDialog({ open, title, note, closeLabel, onClose, children }) {
  const box = useRef(null), before = useRef(null), close = useRef(onClose), [id] = useState(() => "hl-side-" + Math.random().toString(36).slice(2));
  close.current = onClose;
  useEffect(() => {
    if (!open) return undefined;
    before.current = document.activeElement;
    const first = box.current?.querySelector(".hl-side-body " + FOCUSABLE.split(",").join(",.hl-side-body "));
    (first ?? box.current)?.focus();
    const onKey = (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("[role=menu],[role=alertdialog]")) close.current?.();
    };
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("keydown", onKey);
      before.current?.isConnected && before.current.focus();
    };
  }, [open]);
  if (!open) return null;
  return (
    <div className="hl-side hl-pop" role="dialog" aria-modal="false" aria-labelledby={id} tabIndex={-1} ref={box}>
      <div className="hl-row top hl-side-head">
        <div className="hl-min">
          <h2 id={id} className="hl-h2">{title}</h2>
          {note && <p className="hl-q">{note}</p>}
        </div>
        <span className="hl-sp" />
        <button type="button" className="hl-btn ic s" aria-label={closeLabel} title={closeLabel} onClick={() => close.current?.()}>
          <svg className="hl-i" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeLinecap="round" aria-hidden="true">
            <path d="M18 6 6 18M6 6l12 12" />
          </svg>
        </button>
      </div>
      {children}
    </div>
  );
}
