// The pages around the room: not open yet, over, cancelled, not allowed, left. Each says what is so and what to do.
import { useEffect, useState } from "react";
import { useTick } from "./a11y.js";
import { Icon } from "./icons.jsx";

function Gate({ icon, title, children, actions }) {
  return (
    <main className="rm-gate">
      <section className="rm-card" aria-live="polite">
        <Icon name={icon} size={24} />
        <h1>{title}</h1>
        {children}
        <div className="rm-line center">{actions}</div>
      </section>
    </main>
  );
}

const Home = ({ t, href, primary }) => (
  <a className={`rm-btn ${primary ? "p" : ""}`} href={href}>
    {t("Go to my page")}
  </a>
);

/** Shape of the device check while the ticket is on its way: no jump when it arrives. */
export function Loading({ t }) {
  return (
    <main className="rm-gate" aria-busy="true">
      <div className="rm-check">
        <h1 className="rm-sr">{t("Opening the room…")}</h1>
        <header aria-hidden="true">
          <i className="rm-bone w40" />
          <i className="rm-bone w60" />
        </header>
        <div className="rm-checkgrid" aria-hidden="true">
          <i className="rm-bone box" />
          <div className="rm-checkside">
            <i className="rm-bone" />
            <i className="rm-bone w60" />
            <i className="rm-bone" />
            <i className="rm-bone w40" />
          </div>
        </div>
      </div>
    </main>
  );
}

/** Too early: counts down and opens by itself. */
export function Waiting({ t, clock, session, opensAt, onOpen, homeHref }) {
  const now = useTick(1000);
  const [asked, setAsked] = useState(0);
  const opens = Date.parse(opensAt ?? session?.starts_at ?? "");
  const left = opens - now;
  useEffect(() => {
    if (left > 0 || now - asked < 5_000) return;
    setAsked(now);
    onOpen();
  }, [left, now, asked, onOpen]);
  const far = left > 12 * 3600_000;
  const minutes = Math.max(1, Math.ceil(left / 60_000));
  const opening = t("The room is being opened");
  const later = far ? t("The room opens on {day} at {time}", { day: clock.day(opens), time: clock.clock(opens) }) : t("The room opens at {time}", { time: clock.clock(opens) });
  return (
    <Gate icon="clock" title={left > 0 ? later : opening} actions={<Home t={t} href={homeHref} />}>
      <p>
        {session?.course || session?.title} · {t("Lesson at {time}", { time: clock.clock(session?.starts_at) })}
      </p>
      <p className="rm-quiet">
        {left <= 0
          ? t("It takes a moment. You can stay here: it opens by itself.")
          : left < 3600_000
            ? t("In {n} min. You can stay here: it opens by itself.", { n: minutes })
            : t("You can come back later: your link stays the same.")}
      </p>
    </Gate>
  );
}

/** Before the room: somebody inside has to let them in. state: of the room; lost: looking for the connection. */
export function Lobby({ t, clock, state, local, onLeave }) {
  const { waiting, session } = state;
  const name = session?.instructor || t("the instructor");
  const title = state.connection === "lost" ? t("Looking for your connection") : t("Please wait a moment");
  return (
    <Gate
      icon="door-open"
      title={title}
      actions={
        <button type="button" className="rm-btn" onClick={onLeave} data-testid="lobby-leave">
          {t("Leave")}
        </button>
      }
    >
      <p data-testid="lobby-sentence">{lobbySentence(t, waiting, name)}</p>
      <p className="rm-quiet">
        {session?.course || session?.title} · {t("Lesson at {time}", { time: clock.clock(session?.starts_at) })}
      </p>
      <p className="rm-quiet">{local.camera.on || local.microphone.on ? t("Nobody sees or hears you yet. You can stay here: it opens by itself.") : t("You can stay here: it opens by itself.")}</p>
    </Gate>
  );
}

function lobbySentence(t, waiting, name) {
  if (!waiting.by_hand) return t("The room opens when {name} is there.", { name });
  if (waiting.declined) return t("{name} asks you to wait a little longer.", { name });
  return waiting.instructor_here ? t("{name} will let you in.", { name }) : t("{name} is not there yet and will let you in.", { name });
}

export function Ended({ t, role, homeHref }) {
  const next =
    role === "instructor"
      ? t("The summary draft is being prepared. It waits for your approval on your page.")
      : t("Your instructor checks a short summary of the lesson. Then it is on your page and your family gets it.");
  return (
    <Gate icon="circle-check" title={t("The lesson has ended")} actions={<Home t={t} href={homeHref} primary />}>
      <p className="rm-quiet">{next}</p>
    </Gate>
  );
}

export function Cancelled({ t, session, clock, homeHref }) {
  return (
    <Gate icon="calendar-x" title={t("This lesson was cancelled")} actions={<Home t={t} href={homeHref} primary />}>
      <p className="rm-quiet">
        {session?.starts_at ? t("It was planned for {day} at {time}.", { day: clock.day(session.starts_at), time: clock.clock(session.starts_at) }) : ""}{" "}
        {t("You will get a message when a new time is set.")}
      </p>
    </Gate>
  );
}

/** kind: denied | missing | signin | refused (the room itself said why, in message). */
export function Denied({ t, kind, message, homeHref }) {
  const back = `/sign-in?then=${encodeURIComponent(window.location.pathname)}`;
  if (kind === "signin")
    return (
      <Gate
        icon="lock"
        title={t("Please sign in to join")}
        actions={
          <a className="rm-btn p" href={back}>
            {t("Sign in")}
          </a>
        }
      >
        <p className="rm-quiet">{t("Or open the link in your reminder: it brings you straight into the room.")}</p>
      </Gate>
    );
  const titles = { missing: t("We could not find this lesson"), refused: t("You cannot come in now") };
  const title = titles[kind] ?? t("You are not in this lesson");
  const hint = kind === "missing" ? t("Look at the link again, or start from your page.") : message || t("Only people who belong to the lesson can join. If this is a mistake, ask your coordinator.");
  return (
    <Gate icon="lock" title={title} actions={<Home t={t} href={homeHref} primary />}>
      <p className="rm-quiet">{hint}</p>
    </Gate>
  );
}

export function Removed({ t, homeHref }) {
  return (
    <Gate icon="user-x" title={t("The instructor took you out of the room")} actions={<Home t={t} href={homeHref} primary />}>
      <p className="rm-quiet">{t("If this is a mistake, ask your instructor or your coordinator to let you in again.")}</p>
    </Gate>
  );
}

export function Elsewhere({ t, onAgain, homeHref }) {
  return (
    <Gate
      icon="monitor-up"
      title={t("You joined on another device")}
      actions={
        <>
          <button type="button" className="rm-btn p" onClick={onAgain}>
            {t("Use this device instead")}
          </button>
          <Home t={t} href={homeHref} />
        </>
      }
    >
      <p className="rm-quiet">{t("The lesson goes on there. Camera and microphone are off here.")}</p>
    </Gate>
  );
}

export function Left({ t, onAgain, homeHref }) {
  return (
    <Gate
      icon="door-open"
      title={t("You left the lesson")}
      actions={
        <>
          <button type="button" className="rm-btn p" onClick={onAgain}>
            {t("Join again")}
          </button>
          <Home t={t} href={homeHref} />
        </>
      }
    >
      <p className="rm-quiet">{t("You can come back while the lesson lasts.")}</p>
    </Gate>
  );
}

export function Failed({ t, message, onAgain, homeHref }) {
  return (
    <Gate
      icon="circle-alert"
      title={t("The room did not open")}
      actions={
        <>
          <button type="button" className="rm-btn p" onClick={onAgain}>
            {t("Try again")}
          </button>
          <Home t={t} href={homeHref} />
        </>
      }
    >
      <p className="rm-quiet">{message || t("We could not reach the server. Your seat is kept; check the internet connection and try again.")}</p>
    </Gate>
  );
}
