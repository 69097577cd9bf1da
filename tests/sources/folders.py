"""Small source folders by hand: CSV text as the originals write it, tiny DICOM files.

Written from the published layouts, on purpose not through `spinebench.phantom`.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

Files = dict[str, str | bytes]

# --- RSNA 2024 ---------------------------------------------------------------------------------

A, B = "3000000011", "1000001"  # studies; the first above 2**31
T2, T1, AX, AX_BARE, B_T2 = "2000000001", "702807833", "2000000003", "2000000004", "2000000009"

GRADES_HEADER = (
    "study_id,"
    "spinal_canal_stenosis_l1_l2,spinal_canal_stenosis_l2_l3,spinal_canal_stenosis_l3_l4,"
    "spinal_canal_stenosis_l4_l5,spinal_canal_stenosis_l5_s1,"
    "left_neural_foraminal_narrowing_l1_l2,left_neural_foraminal_narrowing_l2_l3,"
    "left_neural_foraminal_narrowing_l3_l4,left_neural_foraminal_narrowing_l4_l5,"
    "left_neural_foraminal_narrowing_l5_s1,"
    "right_neural_foraminal_narrowing_l1_l2,right_neural_foraminal_narrowing_l2_l3,"
    "right_neural_foraminal_narrowing_l3_l4,right_neural_foraminal_narrowing_l4_l5,"
    "right_neural_foraminal_narrowing_l5_s1,"
    "left_subarticular_stenosis_l1_l2,left_subarticular_stenosis_l2_l3,"
    "left_subarticular_stenosis_l3_l4,left_subarticular_stenosis_l4_l5,"
    "left_subarticular_stenosis_l5_s1,"
    "right_subarticular_stenosis_l1_l2,right_subarticular_stenosis_l2_l3,"
    "right_subarticular_stenosis_l3_l4,right_subarticular_stenosis_l4_l5,"
    "right_subarticular_stenosis_l5_s1"
)
GRADES = f"""{GRADES_HEADER}
{A},Normal/Mild,Moderate,Severe,,,,,,Severe,,,,,Normal/Mild,,,,,Moderate,,,,,,
{B},,,,,Severe,,,,,,,,,,,,,,,,,,,,
"""
POINTS = f"""study_id,series_id,instance_number,condition,level,x,y
{A},{T2},5,Spinal Canal Stenosis,L1/L2,20.0,10.0
{A},{T2},5,Spinal Canal Stenosis,L2/L3,20.5,20.0
{A},{T1},3,Left Neural Foraminal Narrowing,L4/L5,22.0,30.5
{A},{T1},12,Right Neural Foraminal Narrowing,L4/L5,21.0,30.0
{A},{AX},8,Left Subarticular Stenosis,L4/L5,40.0,25.0
{A},{AX},8,Right Subarticular Stenosis,L4/L5,24.0,25.0
{B},{B_T2},5031,Spinal Canal Stenosis,L5/S1,30.25,40.75
"""
SERIES = f"""study_id,series_id,series_description
{A},{T2},Sagittal T2/STIR
{A},{T1},Sagittal T1
{A},{AX},Axial T2
{A},{AX_BARE},Axial T2
{B},{B_T2},Sagittal T2/STIR
"""
SAG, AXI = (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 1, 0)


def rsna_files() -> Files:
    """A whole folder: two studies, seven points, one of them on an empty cell."""

    def image(study: str, series: str, number: int, where: tuple[float, ...], look: tuple) -> None:
        files[f"train_images/{study}/{series}/{number}.dcm"] = mr_bytes(
            study, series, number, position=where, orientation=look
        )

    files: Files = {
        "train.csv": GRADES,
        "train_label_coordinates.csv": POINTS,
        "train_series_descriptions.csv": SERIES,
        "test_series_descriptions.csv": (
            "study_id,series_id,series_description\n44036939,2828203845,Sagittal T1\n"
        ),
        "sample_submission.csv": (
            "row_id,normal_mild,moderate,severe\n"
            "44036939_left_neural_foraminal_narrowing_l1_l2,0.333333,0.333333,0.333333\n"
        ),
    }
    image(A, T2, 5, (1.0, -50.0, 40.0), SAG)
    image(A, T1, 3, (18.0, -50.0, 40.0), SAG)  # the patient's left, though its number is low
    image(A, T1, 12, (-17.0, -50.0, 40.0), SAG)
    image(A, AX, 8, (-30.0, -20.0, -15.0), AXI)
    image(A, AX_BARE, 1, (-30.0, -20.0, -25.0), AXI)
    image(B, B_T2, 5031, (0.0, -50.0, 40.0), SAG)
    return files


def mr_bytes(
    study: str,
    series: str,
    number: int,
    *,
    position: tuple[float, ...],
    orientation: tuple[float, ...],
    rows: int = 48,
    cols: int = 64,
) -> bytes:
    """One MR slice: rows 0.6 mm apart, columns 0.5 mm."""
    ds = Dataset()
    ds.PatientID = ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = f"{study}.{series}"
    ds.SOPInstanceUID = f"{study}.{series[0]}.{number}"
    ds.Modality = "MR"
    ds.InstanceNumber = number
    ds.ImagePositionPatient = list(position)
    ds.ImageOrientationPatient = list(orientation)
    ds.PixelSpacing = [0.6, 0.5]
    return _image_bytes(ds, rows, cols, "MONOCHROME2", "1.2.840.10008.5.1.4.1.1.4")


# --- VinDr-SpineXR -----------------------------------------------------------------------------

STUDY = ["a" * 32, "b" * 32, "c" * 32]
FILM = ["1" * 32, "2" * 32, "3" * 32, "4" * 32]
LESIONS_HEADER = "study_id,series_id,image_id,rad_id,lesion_type,xmin,ymin,xmax,ymax"
TRAIN = f"""{LESIONS_HEADER}
{STUDY[0]},{"d" * 32},{FILM[0]},rad1,Osteophytes,10.5,12.25,20.5,18.75
{STUDY[0]},{"d" * 32},{FILM[0]},rad1,Spondylolysthesis,30.0,20.0,44.0,32.0
{STUDY[0]},{"e" * 32},{FILM[1]},rad1,Other lesions,5.0,5.0,15.0,15.0
{STUDY[1]},{"f" * 32},{FILM[2]},rad2,No finding,,,,
"""
TEST = f"""{LESIONS_HEADER}
{STUDY[2]},{"0" * 32},{FILM[3]},rad3,Surgical implant,1.0,2.0,3.0,4.0
"""


def vindr_files() -> Files:
    """A whole folder: three studies of two patients, four films."""
    return {
        "annotations/train.csv": TRAIN,
        "annotations/test.csv": TEST,
        f"train_images/{FILM[0]}.dicom": film_bytes(0, "P1", "AP"),
        f"train_images/{FILM[1]}.dicom": film_bytes(0, "P1", "LL"),
        f"train_images/{FILM[2]}.dicom": film_bytes(1, "P2", "PA"),
        f"test_images/{FILM[3]}.dicom": film_bytes(2, "P2", ""),
    }


def film_bytes(study: int, patient_id: str | None, view: str) -> bytes:
    """One film of 40 rows and 60 columns."""
    ds = Dataset()
    if patient_id is not None:
        ds.PatientID = patient_id
    with disable_value_validation():  # the release's ids are no UIDs
        ds.StudyInstanceUID = STUDY[study]
    ds.SeriesInstanceUID = "9" * 32
    ds.SOPInstanceUID = "8" * 32
    ds.Modality = "DX"
    ds.ViewPosition = view
    ds.InstanceNumber = 1
    return _image_bytes(ds, 40, 60, "MONOCHROME1", "1.2.840.10008.5.1.4.1.1.1.1")


# --- both --------------------------------------------------------------------------------------


def write_files(root: Path, files: Files) -> Path:
    """Write a folder; bytes and text as they are."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def _image_bytes(ds: Dataset, rows: int, cols: int, photometric: str, sop_class: str) -> bytes:
    ds.SOPClassUID = sop_class
    ds.Rows, ds.Columns, ds.SamplesPerPixel = rows, cols, 1
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = (np.arange(rows * cols, dtype="<u2") % 4096).tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
