from PIL import Image

from spinebench.phantom.contact_sheet import CAPTION_PX, TILE_PX, build_contact_sheet


def test_contact_sheet_has_five_rows_of_six_tiles_and_is_small_enough_for_a_page(tmp_path):
    path = tmp_path / "new" / "sheet.png"
    build_contact_sheet(path, 5)
    with Image.open(path) as sheet:
        assert sheet.size == (6 * TILE_PX, 5 * (TILE_PX + CAPTION_PX))
        grey = sheet.convert("L")
        for row in range(5):
            for column in range(6):
                left, top = column * TILE_PX, row * (TILE_PX + CAPTION_PX)
                low, high = grey.crop((left, top, left + TILE_PX, top + TILE_PX)).getextrema()
                assert high - low > 80
    assert path.stat().st_size < 1_500_000
