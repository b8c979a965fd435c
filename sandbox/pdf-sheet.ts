import { PDFDocument, StandardFonts, rgb, type Color, type PDFFont, type PDFPage } from 'pdf-lib';

/** A cell of a row: where it begins and how far it may reach, in points from the left margin. */
interface Cell {
  readonly text: string;
  readonly left: number;
  readonly width: number;
  readonly style?: 'regular' | 'bold' | 'script';
  readonly size?: number;
  readonly color?: Color;
}

/** A4, in points. */
const PAGE = { width: 595.28, height: 841.89, margin: 56 } as const;
const INK = rgb(0.13, 0.15, 0.2);

/** Secondary text. */
export const MUTED = rgb(0.42, 0.45, 0.52);
/** Done, agreed to. */
export const ACCENT = rgb(0.05, 0.43, 0.38);

/** Viewers without these fonts take wider ones: lines are broken early enough for those. */
const WRAP_AT = 0.82;

type Fonts = Readonly<Record<NonNullable<Cell['style']>, PDFFont>>;

/** Letters that the fonts lack and that do not come apart into a base letter and a mark. */
const STAND_INS: Readonly<Record<string, string>> = {
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  Đ: 'D',
  ı: 'i',
  ħ: 'h',
  '\t': ' ',
  '\n': ' ',
  '\r': ' ',
};

/** The text in letters that the font has: without its marks where need be, else `?`. */
function drawable(text: string, known: ReadonlySet<number>): string {
  const has = (letter: string): boolean => known.has(letter.codePointAt(0) ?? 0);
  return Array.from(text.normalize('NFC'), (letter) => {
    if (has(letter)) return letter;
    const plain = STAND_INS[letter] ?? letter.normalize('NFKD').replace(/\p{M}/gu, '');
    return plain !== '' && Array.from(plain).every(has) ? plain : '?';
  }).join('');
}

/** A4 pages that are filled from top to bottom. */
export class PdfSheet {
  /** From margin to margin, in points. */
  static readonly width = PAGE.width - 2 * PAGE.margin;
  readonly #pdf: PDFDocument;
  readonly #fonts: Fonts;
  readonly #known: ReadonlySet<number>;
  #page: PDFPage;
  #y = PAGE.height - PAGE.margin;

  private constructor(pdf: PDFDocument, fonts: Fonts) {
    this.#pdf = pdf;
    this.#fonts = fonts;
    this.#known = new Set(fonts.regular.getCharacterSet());
    this.#page = pdf.addPage([PAGE.width, PAGE.height]);
  }

  /** @param at becomes the date of the file, so that the same content makes the same bytes */
  static async create(title: string, at: Date): Promise<PdfSheet> {
    const pdf = await PDFDocument.create();
    pdf.setTitle(title);
    pdf.setCreationDate(at);
    pdf.setModificationDate(at);
    return new PdfSheet(pdf, {
      regular: pdf.embedStandardFont(StandardFonts.Helvetica),
      bold: pdf.embedStandardFont(StandardFonts.HelveticaBold),
      script: pdf.embedStandardFont(StandardFonts.TimesRomanItalic),
    });
  }

  /** Leaves room, on a new page where this one is full. */
  space(points: number): void {
    if (this.#y - points < PAGE.margin) this.#newPage();
    else this.#y -= points;
  }

  /** Draws cells on one line and moves below it. */
  row(cells: readonly Cell[], height = 16): void {
    if (this.#y - height < PAGE.margin) this.#newPage();
    this.#y -= height;
    for (const cell of cells) this.#draw(cell);
  }

  /** A thin line from margin to margin. */
  rule(): void {
    this.space(8);
    this.#page.drawLine({
      start: { x: PAGE.margin, y: this.#y },
      end: { x: PAGE.width - PAGE.margin, y: this.#y },
      thickness: 0.6,
      color: rgb(0.82, 0.84, 0.88),
    });
  }

  /** Text over as many lines as it needs. */
  paragraph(
    text: string,
    { size = 10, style = 'regular' }: Pick<Cell, 'size' | 'style'> = {},
  ): void {
    for (const line of this.#lines(text, size, this.#fonts[style])) {
      this.row([{ text: line, left: 0, width: PdfSheet.width, size, style }], size * 1.4);
    }
  }

  /** Numbers the pages and gives the file's bytes. */
  async bytes(footer: string): Promise<Uint8Array> {
    const pages = this.#pdf.getPages();
    pages.forEach((page, index) => {
      const text = drawable(`${footer} · page ${index + 1} of ${pages.length}`, this.#known);
      page.drawText(text, {
        x: PAGE.margin,
        y: 30,
        size: 7.5,
        font: this.#fonts.regular,
        color: MUTED,
      });
    });
    return this.#pdf.save();
  }

  #newPage(): void {
    this.#page = this.#pdf.addPage([PAGE.width, PAGE.height]);
    this.#y = PAGE.height - PAGE.margin;
  }

  #draw({ text, left, width, style = 'regular', size = 10, color = INK }: Cell): void {
    const font = this.#fonts[style];
    const fitting = this.#fit(drawable(text, this.#known), size, font, width);
    this.#page.drawText(fitting, { x: PAGE.margin + left, y: this.#y, size, font, color });
  }

  #fit(text: string, size: number, font: PDFFont, width: number): string {
    if (font.widthOfTextAtSize(text, size) <= width) return text;
    let end = text.length;
    while (end > 0 && font.widthOfTextAtSize(`${text.slice(0, end)}…`, size) > width) end -= 1;
    return `${text.slice(0, end)}…`;
  }

  #lines(text: string, size: number, font: PDFFont): string[] {
    const lines: string[] = [];
    for (const word of drawable(text, this.#known).split(' ')) {
      const last = lines.at(-1);
      const longer = last === undefined ? word : `${last} ${word}`;
      const fits = font.widthOfTextAtSize(longer, size) <= PdfSheet.width * WRAP_AT;
      if (last !== undefined && fits) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }
}
