"""A small BUU-LSPINE folder by hand, in the layout of version 2, after the published facts.

Two patients: 0001 slips forwards at L4, 0012 to the left at L3 and backwards at L5.
"""

from io import BytesIO

from PIL import Image

from tests.sources.folders import Files

AP1, LA1 = "data/AP/0001-F-037Y0", "data/LA/0001-F-037Y1"
AP12, LA12 = "data/AP/0012-M-071Y0", "data/LA/0012-M-071Y1"
FILMS = (AP1, LA1, AP12, LA12)
SPACING = "csv_info/pixel_spacing_BUU_LSPINE_V2.csv"
DIAGNOSES = "csv_info/diag_all_BUU_LSPINE_V2.csv"
SIZES = ("csv_info/image_size_AP_BUU_LSPINE_V2.csv", "csv_info/image_size_LA_BUU_LSPINE_V2.csv")

# x1, y1, x2, y2, class of L1a, L1b, ... L5b (and S1a): plates 100 px wide, vertebra below vertebra.
AP1_ROWS = """150.5,40.25,250.5,42.25,0
150,70,250,70,0
150,80,250,80,0
150,110,250,110,0
150,120,250,120,0
150,150,250,150,0
150,160,250,160,0
150,190,250,190,0
150,200,250,200,0
150,230,250,230,0
"""
LA1_ROWS = """160,40,230,40,0
160,70,230,70,0
160,80,230,80,0
160,110,230,110,0
160,120,230,120,0
160,150,230,150,0
148,160,218,160,0
148,190,218,190,3
160,200,230,200,0
160,230,230,230,0
170,252,226,210,0
"""
AP12_ROWS = AP1_ROWS.replace("150,150,250,150,0", "170,150,270,150,1")
LA12_ROWS = LA1_ROWS.replace(",3\n", ",0\n").replace("160,230,230,230,0", "176,230,246,230,4")


def buu_files() -> Files:
    """The whole folder: four films of 400 columns and 300 rows, and csv_info."""
    files: Files = {
        f"{AP1}.csv": AP1_ROWS,
        f"{LA1}.csv": LA1_ROWS,
        f"{AP12}.csv": AP12_ROWS,
        f"{LA12}.csv": LA12_ROWS,
        SPACING: "filename\tpixel_spacing\n0001-F-037Y\t0.5\n0012-M-071Y\t0.175\n",
        DIAGNOSES: "filename,lumbar,diagnosis_number\n0001-F-037Y1,L4b,3\n"
        "0012-M-071Y0,L3b,1\n0012-M-071Y1,L5b,4\n",
        SIZES[0]: "filename,height,width\n0001-F-037Y0.jpg,300,400\n0012-M-071Y0.jpg,300,400\n",
        SIZES[1]: "filename,height,width\n0001-F-037Y1.jpg,300,400\n0012-M-071Y1.jpg,300,400\n",
    }
    files |= {f"{name}.jpg": jpeg_bytes(level) for level, name in enumerate(FILMS)}
    return files


def jpeg_bytes(level: int, *, cols: int = 400, rows: int = 300) -> bytes:
    """A film with a grey ramp that differs from level to level."""
    ramp = Image.linear_gradient("L").resize((cols, rows)).point(lambda v: (v + 20 * level) % 256)
    buffer = BytesIO()
    ramp.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def moved(files: Files, folder: str, *, patients: tuple[str, ...] = ("0001", "0012")) -> Files:
    """The films of some patients in the layout of an early release: AP and LA in a folder."""
    return {
        name.replace("data/", f"{folder}/"): content
        for name, content in files.items()
        if name.startswith("data/") and any(f"/{patient}-" in name for patient in patients)
    }
