// Contact sheets: screenshots of what write.py made, side by side, to be looked at by eye (`make sheets`).
// One sheet a language: every advice at 320 px light; and one of all modes for a few advices (light, dark, desktop, right to left).
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const folder = path.resolve(process.argv[2]);
const only = process.argv.slice(3);
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FEW = ['pay', 'double_charge', 'customs_stuck', 'held', 'refused_counterfeit', 'delivered', 'digest', 'longest', ''];
const MODES = [
  { name: '320 px, light', width: 320, scheme: 'light' }, { name: '320 px, dark', width: 320, scheme: 'dark' },
  { name: '760 px, light', width: 760, scheme: 'light' }, { name: '760 px, dark', width: 760, scheme: 'dark' },
];
const pages = JSON.parse(fs.readFileSync(path.join(folder, 'pages.json'), 'utf8'));
const languages = [...new Set(pages.map((one) => one.lang))].filter((lang) => !only.length || only.includes(lang));
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();

async function shot(name, { width, scheme }) {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(pathToFileURL(path.join(folder, name)).href);
  return `data:image/png;base64,${(await page.screenshot({ fullPage: true })).toString('base64')}`;
}

async function sheet(file, shots, width) {
  const figures = shots.map(({ src, title }) =>
    `<figure><figcaption>${title}</figcaption><img src="${src}"></figure>`).join('');
  const html = path.join(folder, 'sheet.html');
  fs.writeFileSync(html, `<!DOCTYPE html><meta charset="utf-8"><style>body{margin:12px;background:#888;font:14px sans-serif;color:#fff;
    display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px}figure{margin:0}img{display:block;width:260px}figcaption{margin:0 0 4px}</style>${figures}`);
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(pathToFileURL(html).href);
  await page.screenshot({ path: path.join(folder, file), fullPage: true });
  fs.unlinkSync(html);
  console.log(path.join(folder, file));
}

for (const lang of languages) {
  const of = pages.filter((one) => one.lang === lang);
  const every = [];
  for (const { advice, page: name } of of) every.push({ title: advice || path.basename(name, '.html'), src: await shot(name, MODES[0]) });
  await sheet(`sheet-${lang}.png`, every, 2760);
  const modes = [];
  for (const { advice, page: name } of of.filter((one) => FEW.includes(one.advice)))
    for (const mode of MODES) modes.push({ title: `${advice || path.basename(name, '.html')}, ${mode.name}`, src: await shot(name, mode) });
  await sheet(`modes-${lang}.png`, modes, 1110);
}
await browser.close();
