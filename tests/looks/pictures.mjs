// Photographs the pages that pictures.py laid out, puts those of one picture side by side, and makes them small (pngquant).
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [folder, out] = process.argv.slice(2).map((one) => path.resolve(one));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const MOST = 150_000; // bytes of a picture
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ deviceScaleFactor: 1.5 });

async function shot({ page: name, scheme, width, height, begins }) {
  const page = await context.newPage();
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(pathToFileURL(path.join(folder, name)).href);
  const whole = await page.evaluate(() => Math.ceil(document.body.getBoundingClientRect().height));
  const y = begins ? Math.floor((await page.locator(begins[0], { hasText: begins[1] }).first().boundingBox()).y) - 14 : 0;
  const clip = { x: 0, y, width, height: Math.min(height, whole - y) };
  const src = `data:image/png;base64,${(await page.screenshot({ clip, fullPage: true })).toString('base64')}`;
  await page.close();
  const fade = clip.height < whole - y ? ';mask-image:linear-gradient(#000 calc(100% - 56px),transparent)' : '';
  return `<img src="${src}" width="${width}" style="display:block;border-radius:10px${fade}">`;
}

fs.mkdirSync(out, { recursive: true });
const pictures = JSON.parse(fs.readFileSync(path.join(folder, 'pictures.json'), 'utf8'));
for (const [name, columns] of Object.entries(pictures)) {
  const drawn = [];
  for (const column of columns) {
    const shots = [];
    for (const part of column) shots.push(await shot(part));
    drawn.push(`<section style="display:grid;gap:18px">${shots.join('')}</section>`);
  }
  const page = await context.newPage();
  await page.setViewportSize({ width: 1300, height: 900 });
  await page.setContent(`<body style="margin:0;background:transparent"><div style="display:inline-flex;align-items:flex-start;gap:18px;
    padding:18px;border-radius:14px;background:#cdd6d1">${drawn.join('')}</div>`);
  const file = path.join(out, `${name}.png`);
  await page.locator('div').screenshot({ path: file, omitBackground: true });
  await page.close();
  execFileSync('pngquant', ['--force', '--skip-if-larger', '--strip', '--speed', '1', '--output', file, '64', file]);
  const size = fs.statSync(file).size;
  console.log(`${file}: ${size} bytes`);
  if (size > MOST) process.exitCode = 1;
}
await browser.close();
