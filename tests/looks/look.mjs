// Opens every page that write.py made, as people do: light and dark, 320 px and desktop. Exits with 1 for any violation.
// What is looked for: axe-core (WCAG 2 A and AA, contrast in both modes), sideways scrolling, anything loaded from elsewhere,
// features the big mail clients lack (caniemail), and how the independent calculator prices our SMS.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { caniemail } from 'caniemail';
import calculator from 'sms-segments-calculator';

const require = createRequire(import.meta.url);
const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const { SegmentedMessage } = calculator;
const folder = path.resolve(process.argv[2]);
const everything = process.argv.includes('--all');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

// The big clients; each has nearly all features in caniemail's data.
const CLIENTS = [
  'gmail.android', 'gmail.desktop-webmail', 'gmail.ios', 'apple-mail.ios', 'apple-mail.macos', 'outlook.windows',
  'outlook.outlook-com', 'outlook.ios', 'outlook.android', 'outlook.macos', 'yahoo.desktop-webmail', 'yahoo.ios',
  'yahoo.android', 'samsung-email.android',
];
// Used although a client lacks them, because nothing is lost there: what a reader sees without each.
const GRACEFUL = {
  'color-scheme meta tag': 'the client chooses light or dark itself',
  '@media': 'the light colours',
  'border-radius': 'square corners',
  'max-height property': 'the preheader is hidden by display:none',
  overflow: 'the same',
  'overflow-wrap': 'a long number may widen the page',
  'word-break': 'the same',
  'white-space': 'an amount may break over two lines',
  '<body> element': 'its colours are on the div inside it too',
  'aria-labelledby attribute': 'the heading is read as any heading',
  '<bdi> element': 'the words are shown, ordered as the paragraph is',
  'aria-hidden attribute': 'a dot of the timeline may be read aloud as one',
  'height property': 'a dot of the timeline is as high as a line',
};

const problems = [];
const say = (page, what) => problems.push(`${page}: ${what}`);
const pages = JSON.parse(fs.readFileSync(path.join(folder, 'pages.json'), 'utf8'));

export function lacking(html, clients = CLIENTS) {
  const found = new Set();
  for (const client of clients) {
    for (const [, issues] of caniemail({ clients: [client], html }).issues.errors) {
      for (const issue of issues) if (!(issue.title in GRACEFUL)) found.add(`${issue.title} (${client})`);
    }
  }
  return [...found];
}

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

async function look(page, { width, scheme }, name, checkAxe) {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(name.startsWith('data:') ? name : pathToFileURL(path.join(folder, name)).href);
  await page.evaluate(() => { for (const one of document.querySelectorAll('details')) one.open = true; });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  const found = [];
  if (wide > 0) found.push(`scrolls sideways by ${wide} px at ${width} px, ${scheme}`);
  if (checkAxe) {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() =>
      axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
    for (const one of violations) found.push(`axe ${one.id} at ${width} px, ${scheme}: ${one.nodes[0].html.slice(0, 120)}`);
  }
  return found;
}

const context = await browser.newContext();
const loads = [];
await context.route('**/*', (route) => {
  const url = route.request().url();
  if (url.startsWith('file:') || url.startsWith('data:')) return route.continue();
  loads.push(url);
  return route.abort();
});
const page = await context.newPage();

// Negative controls: the checks must be able to fail.
const grey = 'data:text/html,<html lang="en"><title>t</title><main><h1>t</h1><p style="color:%23bbb;background:%23fff">pale words</p>' +
  '<div style="width:900px">wide</div><img src="http://127.0.0.1:9/x.png"></main>';
const caught = (await look(page, { width: 320, scheme: 'light' }, grey, true)).join('\n');
for (const sign of ['color-contrast', 'image-alt', 'scrolls sideways']) if (!caught.includes(sign)) say('control', `${sign} was not seen`);
if (!loads.length) say('control', 'a load from elsewhere was not seen');
if (!lacking('<p style="display:grid;padding-inline-start:4px">x</p>').length) say('control', 'caniemail saw nothing');
loads.length = 0;

const modes = [{ width: 320, scheme: 'light' }, { width: 320, scheme: 'dark' }, { width: 900, scheme: 'light' }, { width: 900, scheme: 'dark' }];
let looked = 0;
for (const { lang, advice, page: name } of pages) {
  const html = fs.readFileSync(path.join(folder, name), 'utf8');
  // axe sees the same structure in every language: all of it in English and right to left, elsewhere one mode in turn.
  const full = everything || lang === 'en' || lang === 'he';
  for (const [nth, mode] of modes.entries()) {
    if (!full && nth !== looked % modes.length) continue;
    for (const found of await look(page, mode, name, true)) say(name, found);
  }
  looked += 1;
  if (full && advice) for (const found of lacking(html)) say(name, `not in every big mail client: ${found}`);
}
for (const url of new Set(loads)) say('load', url);

const texts = JSON.parse(fs.readFileSync(path.join(folder, 'sms.json'), 'utf8'));
for (const { text, encoding, parts } of texts) {
  const theirs = new SegmentedMessage(text, 'auto', false); // count what is sent, spell nothing anew
  if (theirs.segmentsCount !== parts || theirs.encodingName !== encoding)
    say('sms', `${theirs.encodingName} ${theirs.segmentsCount} against our ${encoding} ${parts}: ${JSON.stringify(text)}`);
}
await browser.close();
console.log(`${pages.length} pages looked at, ${texts.length} SMS counted again, ${problems.length} problems`);
for (const problem of problems.slice(0, 60)) console.log(`  ${problem}`);
process.exit(problems.length ? 1 : 0);
