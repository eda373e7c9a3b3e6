//! Folders of made-up pictures.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

use crate::data::{Dataset, Shape, Split, open};

/// Columns tell red, rows green.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 7]))
}

fn celeba(root: &Path) {
    let attributes = "4\n5_o_Clock_Shadow Mouth_Slightly_Open Young\n\
        000001.jpg -1  1  1\n000002.jpg  1 -1 -1\n000003.jpg -1  1 -1\n000004.jpg -1 -1  1\n";
    fs::write(root.join("list_attr_celeba.txt"), attributes).unwrap();
    let parts = "000001.jpg 0\n000002.jpg 0\n000003.jpg 2\n000004.jpg 1\n";
    fs::write(root.join("list_eval_partition.txt"), parts).unwrap();
    let folder = root.join("img_align_celeba");
    fs::create_dir_all(&folder).unwrap();
    for name in ["000001.jpg", "000002.jpg", "000003.jpg"] {
        // PNG inside, so that values are exact: what counts is the content.
        picture(178, 218).save_with_format(folder.join(name), image::ImageFormat::Png).unwrap();
    }
}

fn read(data: &dyn Dataset, index: usize) -> (Vec<u8>, usize) {
    let mut chw = vec![0; data.shape().bytes()];
    let label = data.read(index, &mut chw).unwrap();
    (chw, label)
}

fn error(spec: &str, split: Split) -> String {
    open(spec, split).err().unwrap().to_string()
}

#[test]
fn celeba_is_the_middle_of_its_pictures() {
    let dir = tempfile::tempdir().unwrap();
    celeba(dir.path());
    let spec = format!("celeba:{}", dir.path().display());
    let [train, test] = [Split::Train, Split::Test].map(|split| open(&spec, split).unwrap());
    assert_eq!((train.len(), test.len(), train.spec(), train.name()), (2, 1, spec, "celeba"));
    assert_eq!(train.shape(), Shape { channels: 3, height: 160, width: 160 });
    assert!(train.mirror_keeps_class() && train.classes()[1].contains("open"));
    let labels = [read(train.as_ref(), 0).1, read(train.as_ref(), 1).1, read(test.as_ref(), 0).1];
    assert_eq!(labels, [1, 0, 1]);
    let (chw, _) = read(test.as_ref(), 0);
    // 9 columns and 29 rows are left out on each side.
    for (y, x) in [(0, 0), (159, 159), (100, 3)] {
        let at = |channel: usize| usize::from(chw[(channel * 160 + y) * 160 + x]);
        assert_eq!([at(0), at(1), at(2)], [x + 9, y + 29, 7]);
    }
}

#[test]
fn celeba_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let spec = format!("celeba:{}", dir.path().display());
    assert!(error(&spec, Split::Train).contains("list_eval_partition.txt"));
    celeba(dir.path());
    let list = dir.path().join("list_attr_celeba.txt");
    fs::write(&list, "1\nYoung\n000001.jpg 1\n").unwrap();
    assert!(error(&spec, Split::Train).contains("Mouth_Slightly_Open"));
    fs::write(&list, "2\nYoung Mouth_Slightly_Open\n000001.jpg 1 1\n000002.jpg 1 x\n").unwrap();
    assert!(error(&spec, Split::Train).contains("line 4"));
    celeba(dir.path());
    fs::write(dir.path().join("list_eval_partition.txt"), "000001.jpg 3\n").unwrap();
    assert!(error(&spec, Split::Train).contains("line 1"));
    celeba(dir.path());
    let data = open(&spec, Split::Train).unwrap();
    let mut chw = vec![0; data.shape().bytes()];
    let picture_of = |name: &str| dir.path().join("img_align_celeba").join(name);
    picture(178, 100).save_with_format(picture_of("000001.jpg"), image::ImageFormat::Png).unwrap();
    let small = data.read(0, &mut chw).unwrap_err().to_string();
    assert!(small.contains("000001.jpg") && small.contains("160x160"), "{small}");
    fs::write(picture_of("000001.jpg"), b"no picture").unwrap();
    assert!(data.read(0, &mut chw).unwrap_err().to_string().contains("000001.jpg"));
    fs::remove_file(picture_of("000001.jpg")).unwrap();
    assert!(data.read(0, &mut chw).unwrap_err().to_string().contains("000001.jpg"));
}

fn imagenet(root: &Path) {
    for (folder, sizes) in [
        ("train/n02", [(300, 256), (256, 400)].as_slice()),
        ("train/n01", &[(512, 512)]),
        ("val/n02", &[(64, 32)]),
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
        for (i, (width, height)) in sizes.iter().enumerate() {
            let path = root.join(folder).join(format!("{i}.JPEG"));
            RgbImage::from_pixel(*width, *height, Rgb([200, 100, 50]))
                .save_with_format(path, image::ImageFormat::Jpeg)
                .unwrap();
        }
    }
}

#[test]
fn imagenet_is_a_tree_of_classes() {
    let dir = tempfile::tempdir().unwrap();
    imagenet(dir.path());
    let spec = format!("imagenet:{}", dir.path().display());
    let [train, test] = [Split::Train, Split::Test].map(|split| open(&spec, split).unwrap());
    assert_eq!((train.classes(), train.len(), test.len()), (&["n01".into(), "n02".into()][..], 3, 1));
    assert_eq!(train.shape(), Shape { channels: 3, height: 224, width: 224 });
    let labels: Vec<usize> = (0..3).map(|index| read(train.as_ref(), index).1).collect();
    assert_eq!((labels, read(test.as_ref(), 0).1), (vec![0, 1, 1], 1));
    for (data, index) in [(&train, 0), (&train, 1), (&train, 2), (&test, 0)] {
        let (chw, _) = read(data.as_ref(), index);
        for (plane, colour) in chw.chunks_exact(224 * 224).zip([200u8, 100, 50]) {
            assert!(plane.iter().all(|v| v.abs_diff(colour) < 6), "JPEG keeps a plain colour nearly");
        }
    }
}

#[test]
fn imagenet_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let spec = format!("imagenet:{}", dir.path().display());
    assert!(error(&spec, Split::Test).contains("train"));
    imagenet(dir.path());
    fs::create_dir_all(dir.path().join("val/n03")).unwrap();
    assert!(error(&spec, Split::Test).contains("n03"));
    fs::create_dir_all(dir.path().join("train/n03")).unwrap();
    assert!(error(&spec, Split::Train).contains("n03"));
}

/// Each split has its own pictures, stretched over the whole background.
#[test]
fn backgrounds_of_a_folder_are_seen_around_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let grey = |part: &str, name: &str, value: u8| {
        fs::create_dir_all(folder.path().join(part)).unwrap();
        let picture = RgbImage::from_pixel(70, 50, Rgb([value, value, 9]));
        picture.save(folder.path().join(part).join(name)).unwrap();
    };
    grey("train", "a.png", 10);
    grey("testval", "b.png", 200);
    grey("testval", "c.png", 100);
    let spec = format!("bg:48,{}:signs", folder.path().display());
    for (split, allowed) in [(Split::Train, &[10][..]), (Split::Test, &[100, 200])] {
        let data = open(&spec, split).unwrap();
        assert_eq!((data.spec(), data.shape()), (spec.clone(), Shape { channels: 3, height: 48, width: 48 }));
        let mut seen = vec![];
        for index in 0..20 {
            let (chw, _) = read(data.as_ref(), index);
            // The picture covers 1024 of 2304 pixels, wherever it lies.
            let found =
                allowed.iter().find(|value| chw[..2304].iter().filter(|v| *v == *value).count() >= 1280);
            seen.push(*found.unwrap());
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, allowed);
    }
    let missing = format!("bg:48,{}/none:signs", folder.path().display());
    assert!(error(&missing, Split::Test).contains("none"));
}
